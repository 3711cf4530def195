// Play against a real archive: what goes out, what is entered, what is refused.
#include "coordinator/replay/replay.h"

#include <algorithm>

#include "coordinator/replay/wav.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/export/recorded_archive.h"
#include "tests/coordinator/replay/segments.h"

namespace turret::coordinator {
namespace {

using test::kAnchorUtcNs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Calls of RecordedArchive, in its order.
constexpr size_t kExactCall = 0;
constexpr size_t kOpusCall = 1;
constexpr size_t kCallWithoutMedia = 2;
constexpr size_t kRunningCall = 4;
constexpr size_t kCallSamples = 20'000;  // Answer to BYE, 2.5 s.

struct Played {
  absl::Status status;
  v1::PlayHeader header;
  std::string data;
  size_t chunks = 0;
};

class ReplayTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    archive_ = new test::RecordedArchive(*folder_ / "archive", test::Seed(5));
  }
  static void TearDownTestSuite() {
    delete archive_;
    delete folder_;
  }

  v1::PlayRequest Request(size_t call, v1::PlayRequest::Format format) const {
    v1::PlayRequest request;
    request.set_call_id(recorded_.calls()[call].id.ToProto());
    request.set_reason("complaint 4711");
    request.set_format(format);
    return request;
  }
  Played PlayAll(const v1::PlayRequest& request) {
    Played played;
    played.status = Play(recorded_.archive(), request, "Cora", "d1", [&](const v1::PlayChunk& chunk) {
      if (chunk.has_header()) played.header = chunk.header();
      EXPECT_LE(chunk.data().size(), size_t{64} * 1024);
      played.data += chunk.data();
      ++played.chunks;
      return absl::OkStatus();
    });
    return played;
  }
  uint64_t LedgerSize() { return recorded_.archive().ledger().Head().size(); }

  inline static test::TemporaryFolder* folder_ = nullptr;
  inline static test::RecordedArchive* archive_ = nullptr;
  test::RecordedArchive& recorded_ = *archive_;
};

std::vector<int16_t> Channel(const std::string& wav, size_t channels, size_t channel) {
  std::vector<int16_t> samples;
  for (size_t at = kWavHeaderBytes + 2 * channel; at + 1 < wav.size(); at += 2 * channels)
    samples.push_back(
        static_cast<int16_t>(static_cast<uint8_t>(wav[at]) | static_cast<uint8_t>(wav[at + 1]) << 8));
  return samples;
}

// What was said, as G.711 keeps it, with zeros where packets were lost and up to the call's end.
std::vector<int16_t> Expected(uint32_t seed, const std::vector<size_t>& lost) {
  std::vector<int16_t> samples =
      test::DecodeG711("PCMA", test::EncodeG711("PCMA", test::Babble(16'000, seed)));
  for (const size_t packet : lost)
    std::fill_n(samples.begin() + static_cast<std::ptrdiff_t>(packet * 160), 160, int16_t{0});
  samples.resize(kCallSamples, 0);
  return samples;
}

// A09: who, what, when and why stands in the ledger when the first byte goes out.
TEST_F(ReplayTest, TheLedgerEntryStandsBeforeTheFirstByte) {
  const uint64_t before = LedgerSize();
  uint64_t at_header = 0;
  uint64_t index = 0;
  const absl::Status status = Play(recorded_.archive(), Request(kExactCall, v1::PlayRequest::WAV), "Cora",
                                   "d1", [&](const v1::PlayChunk& chunk) {
                                     if (at_header == 0) {
                                       EXPECT_TRUE(chunk.has_header());
                                       at_header = LedgerSize();
                                       index = chunk.header().ledger_index();
                                     }
                                     return absl::OkStatus();
                                   });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_GT(at_header, before);
  EXPECT_LT(index, at_header);
  const auto entry = recorded_.archive().ReadEntry(index);
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->leaf.kind(), v1::RESTRICTED);
  const v1::Accessed& accessed = entry->body->accessed();
  EXPECT_EQ(accessed.action(), v1::Accessed::REPLAYED);
  EXPECT_EQ(accessed.who(), "Cora");
  EXPECT_EQ(accessed.reason(), "complaint 4711");
  EXPECT_EQ(accessed.call_ids(0), recorded_.calls()[kExactCall].id.ToProto());
}

TEST_F(ReplayTest, WithoutAReasonOrForAStrangerNothingPlaysAndNothingIsEntered) {
  const uint64_t before = LedgerSize();
  v1::PlayRequest request = Request(kExactCall, v1::PlayRequest::WAV);
  request.set_reason(" \n");
  EXPECT_EQ(PlayAll(request).status.code(), absl::StatusCode::kInvalidArgument);
  request = Request(kExactCall, v1::PlayRequest::WAV);
  request.set_call_id(std::string(16, 'x'));
  EXPECT_EQ(PlayAll(request).status.code(), absl::StatusCode::kNotFound);
  request = Request(kExactCall, v1::PlayRequest::RAW);
  request.set_stream_id(recorded_.calls()[kOpusCall].streams[0].id.ToProto());
  EXPECT_EQ(PlayAll(request).status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(LedgerSize(), before);
}

TEST_F(ReplayTest, WavHasAChannelForEachParticipantSampleForSample) {
  const Played played = PlayAll(Request(kExactCall, v1::PlayRequest::WAV));
  ASSERT_TRUE(played.status.ok()) << played.status;
  EXPECT_EQ(played.header.channels_size(), 2);
  EXPECT_THAT(played.header.channels(0), HasSubstr("Ben Brandt"));
  EXPECT_EQ(played.header.start_utc_ns(), kAnchorUtcNs);
  EXPECT_EQ(played.header.total_bytes(), played.data.size());
  EXPECT_EQ(played.header.call().gaps_size(), 1);
  EXPECT_EQ(Channel(played.data, 2, 0), Expected(1, {40, 41}));
  EXPECT_EQ(Channel(played.data, 2, 1), Expected(2, {}));
}

TEST_F(ReplayTest, RawIsThePayloadByteForByte) {
  v1::PlayRequest request = Request(kExactCall, v1::PlayRequest::RAW);
  request.set_stream_id(recorded_.calls()[kExactCall].streams[1].id.ToProto());
  const Played played = PlayAll(request);
  ASSERT_TRUE(played.status.ok()) << played.status;
  EXPECT_EQ(played.data, ToString(test::EncodeG711("PCMA", test::Babble(16'000, 2))));
}

TEST_F(ReplayTest, RawOfAStreamKeptAsOpusIsRefusedWithTheReason) {
  v1::PlayRequest request = Request(kOpusCall, v1::PlayRequest::RAW);
  request.set_stream_id(recorded_.calls()[kOpusCall].streams[0].id.ToProto());
  const Played played = PlayAll(request);
  EXPECT_EQ(played.status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(played.status.message()), HasSubstr("kept as Opus"));
}

TEST_F(ReplayTest, OneOpusStreamPlaysAsItsKeptFrames) {
  const Played played = PlayAll(Request(kOpusCall, v1::PlayRequest::OGG_OPUS));
  ASSERT_TRUE(played.status.ok()) << played.status;
  EXPECT_EQ(played.data.substr(0, 4), "OggS");
  for (const test::MadeSegment& segment : recorded_.calls()[kOpusCall].streams[0].segments)
    EXPECT_THAT(played.data, HasSubstr(std::string(AsText(segment.media).substr(0, 40))));
}

TEST_F(ReplayTest, SeveralChannelsPlayAsOggOpusToo) {
  const Played played = PlayAll(Request(kExactCall, v1::PlayRequest::OGG_OPUS));
  ASSERT_TRUE(played.status.ok()) << played.status;
  EXPECT_THAT(played.data, HasSubstr("OpusHead"));
  EXPECT_THAT(played.data, HasSubstr("TURRET_CHANNEL_2="));
}

TEST_F(ReplayTest, ACallWithoutMediaIsSilenceOfItsLengthWithItsGapListed) {
  const Played played = PlayAll(Request(kCallWithoutMedia, v1::PlayRequest::WAV));
  ASSERT_TRUE(played.status.ok()) << played.status;
  EXPECT_THAT(played.header.channels(), ElementsAre("no media"));
  EXPECT_EQ(Channel(played.data, 1, 0), std::vector<int16_t>(kCallSamples, 0));
  EXPECT_EQ(played.header.call().gaps(0).cause(), v1::GAP_CAUSE_NO_MEDIA);
}

TEST_F(ReplayTest, ARunningCallPlaysWhatIsThere) {
  const Played played = PlayAll(Request(kRunningCall, v1::PlayRequest::WAV));
  ASSERT_TRUE(played.status.ok()) << played.status;
  EXPECT_EQ(Channel(played.data, 1, 0).size(), 16'000U);
}

TEST_F(ReplayTest, AMissingLastSegmentIsToldNotPassedOver) {
  recorded_.AddCall("mifid", {test::MakeExact("PCMA", test::Babble(1600, 9), {})}, /*ends=*/true,
                    /*segments_missing=*/1);
  const Played played = PlayAll(Request(recorded_.calls().size() - 1, v1::PlayRequest::WAV));
  EXPECT_EQ(played.status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(played.status.message()), HasSubstr("1 segments are held, it ended with 2"));
  EXPECT_TRUE(played.data.empty());
}

// One voice's segments name 1970, the other's are right.
TEST_F(ReplayTest, AudioWithoutATrueTimePlaysInFullWithinItsCallAndTheHeaderSaysSo) {
  std::vector<test::MadeSegment> lost_time =
      test::MakeExact("PCMA", test::Babble(16'000, 1), {.packets_a_segment = 30});
  for (test::MadeSegment& segment : lost_time) segment.body.set_anchor_utc_ns(0);
  recorded_.AddCall("mifid", {lost_time, test::MakeExact("PCMA", test::Babble(16'000, 2), {})},
                    /*ends=*/true);
  const Played played = PlayAll(Request(recorded_.calls().size() - 1, v1::PlayRequest::WAV));
  ASSERT_TRUE(played.status.ok()) << played.status;
  EXPECT_EQ(played.header.start_utc_ns(), kAnchorUtcNs);
  EXPECT_EQ(played.header.total_bytes(), played.data.size());
  EXPECT_EQ(Channel(played.data, 2, 0), Expected(1, {}));
  EXPECT_EQ(Channel(played.data, 2, 1), Expected(2, {}));
  ASSERT_EQ(played.header.unsure_size(), 1);
  const v1::UnsurePlace& unsure = played.header.unsure(0);
  EXPECT_EQ(unsure.stream_id(), recorded_.calls().back().streams[0].id.ToProto());
  EXPECT_EQ(unsure.first_segment(), 0U);
  EXPECT_EQ(unsure.end_segment(), lost_time.size());
  EXPECT_EQ(unsure.placed().begin_utc_ns(), kAnchorUtcNs);
  EXPECT_EQ(unsure.placed().end_utc_ns(), kAnchorUtcNs + 2'000'000'000);
}

TEST_F(ReplayTest, OneSegmentOfTheFutureHidesNothingThatFollowsIt) {
  std::vector<test::MadeSegment> segments =
      test::MakeExact("PCMA", test::Babble(16'000, 1), {.packets_a_segment = 30});
  segments[1].body.set_anchor_utc_ns(kAnchorUtcNs * 2);
  recorded_.AddCall("mifid", {segments}, /*ends=*/true);
  const Played played = PlayAll(Request(recorded_.calls().size() - 1, v1::PlayRequest::WAV));
  ASSERT_TRUE(played.status.ok()) << played.status;
  EXPECT_EQ(Channel(played.data, 1, 0), Expected(1, {}));
  ASSERT_EQ(played.header.unsure_size(), 1);
  EXPECT_EQ(played.header.unsure(0).first_segment(), 1U);
  EXPECT_EQ(played.header.unsure(0).end_segment(), 2U);
}

TEST_F(ReplayTest, KeptFramesWithoutATrueTimeAreNoFileOfFiftyYears) {
  std::vector<test::MadeSegment> segments =
      test::MakeOpus(test::Babble(16'000, 3), {.packets_a_segment = 30});
  for (test::MadeSegment& segment : segments) segment.body.set_anchor_utc_ns(0);
  recorded_.AddCall("mifid", {segments}, /*ends=*/true);
  const Played played = PlayAll(Request(recorded_.calls().size() - 1, v1::PlayRequest::OGG_OPUS));
  ASSERT_TRUE(played.status.ok()) << played.status;
  EXPECT_LT(played.data.size(), 20'000U);
  EXPECT_EQ(played.header.unsure_size(), 1);
  for (const test::MadeSegment& segment : segments)
    EXPECT_THAT(played.data, HasSubstr(std::string(AsText(segment.media).substr(0, 40))));
}

TEST_F(ReplayTest, WhatCannotBeReadShowsBeforeTheFirstByte) {
  std::vector<test::MadeSegment> segments =
      test::MakeExact("PCMA", test::Babble(16'000, 1), {.packets_a_segment = 30});
  segments[2].body.mutable_packets()->set_timestamp_delta(3, int64_t{1} << 61);
  recorded_.AddCall("mifid", {segments}, /*ends=*/true);
  const Played played = PlayAll(Request(recorded_.calls().size() - 1, v1::PlayRequest::WAV));
  EXPECT_EQ(played.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(played.chunks, 0U);
}

TEST_F(ReplayTest, AListenerWhoGoesAwayEndsIt) {
  size_t chunks = 0;
  const absl::Status status = Play(recorded_.archive(), Request(kExactCall, v1::PlayRequest::WAV), "Cora",
                                   "d1", [&](const v1::PlayChunk&) {
                                     ++chunks;
                                     return absl::CancelledError("gone");
                                   });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(chunks, 1U);
}

}  // namespace
}  // namespace turret::coordinator
