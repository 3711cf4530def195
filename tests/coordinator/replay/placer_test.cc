// Where audio lies, and where it lies when its time map cannot be right.
#include <limits>

#include "coordinator/replay/stream_placer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/replay/segments.h"

namespace turret::coordinator {
namespace {

using test::kAnchorUtcNs;
using test::MadeSegment;

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kDayNs = 86'400 * kSecondNs;
constexpr int64_t kNow = kAnchorUtcNs + 3600 * kSecondNs;

v1::CallSummary Call(int64_t started_utc_ns, int64_t ended_utc_ns) {
  v1::CallSummary call;
  call.set_started_utc_ns(started_utc_ns);
  call.set_ended_utc_ns(ended_utc_ns);
  return call;
}

// Of a call of a minute, whose entries say that this stream begins a second after it.
StreamPlacer Placer() {
  return StreamPlacer(TimesOf(Call(kAnchorUtcNs, kAnchorUtcNs + 60 * kSecondNs), kNow),
                      kAnchorUtcNs + kSecondNs);
}

// Segments of two seconds.
std::vector<MadeSegment> Segments(size_t count) {
  return test::MakeExact("PCMA", test::Babble(16'000 * count, 1), {.packets_a_segment = 100});
}

std::vector<PlacedRun> Place(StreamPlacer& placer, const v1::SegmentBody& body) {
  const auto runs = placer.Place(body, *DecodePackets(body.packets()));
  EXPECT_TRUE(runs.ok()) << runs.status();
  return runs.ok() ? *runs : std::vector<PlacedRun>{};
}

struct At {
  int64_t begin_ns = 0;  // Since the call's start.
  bool sure = true;
  bool operator==(const At&) const = default;
};
std::ostream& operator<<(std::ostream& out, const At& at) {
  return out << at.begin_ns << " ns, " << (at.sure ? "sure" : "unsure");
}
std::vector<At> PlaceAll(const std::vector<MadeSegment>& segments) {
  StreamPlacer placer = Placer();
  std::vector<At> all;
  for (const MadeSegment& segment : segments)
    for (const PlacedRun& run : Place(placer, segment.body))
      all.push_back({run.begin_utc_ns - kAnchorUtcNs, run.sure});
  return all;
}

TEST(StreamPlacer, AMapThatFitsTheCallIsBelieved) {
  EXPECT_EQ(PlaceAll(Segments(2)), (std::vector<At>{{0, true}, {2 * kSecondNs, true}}));
}

TEST(StreamPlacer, AStreamWithoutATrueAnchorBeginsWhereTheEntriesSayAndGoesOnByTicks) {
  for (const int64_t anchor : {int64_t{0}, kAnchorUtcNs - kDayNs, kAnchorUtcNs + kDayNs,
                               std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()}) {
    std::vector<MadeSegment> segments = Segments(3);
    for (MadeSegment& segment : segments) segment.body.set_anchor_utc_ns(anchor);
    EXPECT_EQ(PlaceAll(segments),
              (std::vector<At>{{kSecondNs, false}, {3 * kSecondNs, false}, {5 * kSecondNs, false}}))
        << anchor;
  }
}

TEST(StreamPlacer, OneUntrueAnchorAmongOthersLiesWhereTheTicksPutIt) {
  std::vector<MadeSegment> segments = Segments(3);
  segments[1].body.set_anchor_utc_ns(0);
  EXPECT_EQ(PlaceAll(segments), (std::vector<At>{{0, true}, {2 * kSecondNs, false}, {4 * kSecondNs, true}}));
}

TEST(StreamPlacer, AnUntrueDriftIsAnUntrueMap) {
  std::vector<MadeSegment> segments = Segments(2);
  segments[1].body.set_drift_ppb(std::numeric_limits<int64_t>::max());
  EXPECT_EQ(PlaceAll(segments), (std::vector<At>{{0, true}, {2 * kSecondNs, false}}));
}

TEST(StreamPlacer, AnotherSourceWithAnUntrueAnchorLiesRightBehindTheAudioBefore) {
  std::vector<MadeSegment> segments = Segments(2);
  segments[1].body.set_ssrc(8);
  segments[1].body.set_anchor_utc_ns(0);
  EXPECT_EQ(PlaceAll(segments), (std::vector<At>{{0, true}, {2 * kSecondNs, false}}));
}

TEST(StreamPlacer, TimestampsThatJumpOutOfTheCallDoNotCount) {
  std::vector<MadeSegment> segments = Segments(1);
  segments.push_back(test::MakeExact("PCMA", test::Babble(16'000, 2),
                                     {.first_timestamp = int64_t{1} << 55, .packets_a_segment = 100})[0]);
  segments[1].body.set_anchor_timestamp(1000);
  EXPECT_EQ(PlaceAll(segments), (std::vector<At>{{0, true}, {2 * kSecondNs, false}}));
}

// A stream is sent in order: what would come before what was sent earlier has a wrong map, within the call
// too.
TEST(StreamPlacer, AudioNeverLiesMoreThanASecondBackBehindWhatWasSentEarlier) {
  std::vector<MadeSegment> segments = Segments(2);
  segments[0].body.set_anchor_utc_ns(kAnchorUtcNs + 30 * kSecondNs);
  segments[1].body.set_ssrc(8);
  EXPECT_EQ(PlaceAll(segments), (std::vector<At>{{30 * kSecondNs, true}, {32 * kSecondNs, false}}));
}

TEST(StreamPlacer, ATimestampThatRtpCannotCountIsRefused) {
  StreamPlacer placer = Placer();
  const MadeSegment segment = Segments(1)[0];
  std::vector<PacketRow> packets = *DecodePackets(segment.body.packets());
  packets[3].timestamp = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(placer.Place(segment.body, packets).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(TimesOf, AnEndBeforeTheStartOrYearsLaterIsNoEnd) {
  EXPECT_EQ(TimesOf(Call(kAnchorUtcNs, kNow), kNow).end_utc_ns, kNow);
  for (const int64_t ended : {kAnchorUtcNs - 1, kAnchorUtcNs + 400 * kDayNs, int64_t{1}}) {
    const CallTimes times = TimesOf(Call(kAnchorUtcNs, ended), kNow);
    EXPECT_EQ(times.end_utc_ns, std::nullopt) << ended;
    EXPECT_LE(times.credible.end_utc_ns, kAnchorUtcNs + 32 * kDayNs) << ended;
    EXPECT_GT(times.credible.end_utc_ns, kAnchorUtcNs) << ended;
  }
  EXPECT_EQ(TimesOf(Call(1, kNow), kNow).end_utc_ns, std::nullopt) << "a node without the time at its start";
}

TEST(TimesOf, ACallThatRunsIsCredibleUntilNow) {
  const CallTimes times = TimesOf(Call(kAnchorUtcNs, 0), kNow);
  EXPECT_EQ(times.end_utc_ns, std::nullopt);
  EXPECT_EQ(times.credible.end_utc_ns, kNow + absl::ToInt64Nanoseconds(kOutsideCallMax));
}

TEST(TimesOf, ACallWhoseStartIsNotHereYetBeginsWithItsFirstAudio) {
  v1::CallSummary call = Call(0, 0);
  EXPECT_EQ(TimesOf(call, kNow).begin_utc_ns, std::nullopt);
  EXPECT_GT(TimesOf(call, kNow).credible.begin_utc_ns, kNow - 32 * kDayNs);
  call.add_streams()->add_recorded()->set_begin_utc_ns(kAnchorUtcNs);
  EXPECT_EQ(TimesOf(call, kNow).begin_utc_ns, kAnchorUtcNs);
}

}  // namespace
}  // namespace turret::coordinator
