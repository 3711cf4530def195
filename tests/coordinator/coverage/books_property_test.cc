// Random evidence, consistent or not, against an oracle that looks at one nanosecond at a time.
#include <random>

#include "coordinator/coverage/coverage.h"
#include "coordinator/coverage/intervals.h"
#include "gtest/gtest.h"
#include "monitoring/metrics.h"
#include "tests/support/support.h"

namespace turret::coordinator {
namespace {

constexpr int64_t kDayNs = 48;

using Random = std::mt19937_64;

std::vector<v1::Interval> RandomIntervals(Random& random, uint64_t count_max) {
  std::vector<v1::Interval> list;
  for (uint64_t n = random() % (count_max + 1); n > 0; --n) {
    const auto begin = static_cast<int64_t>(random() % (kDayNs + 4)) - 2;
    list.push_back(MakeInterval(begin, begin + static_cast<int64_t>(random() % 12)));
  }
  return list;
}

std::vector<ChannelEvidence::StatedGap> RandomGaps(Random& random) {
  std::vector<ChannelEvidence::StatedGap> gaps;
  for (const v1::Interval& interval : RandomIntervals(random, 2))
    gaps.push_back({interval, static_cast<v1::GapCause>(1 + random() % 9)});
  return gaps;
}

ChannelEvidence RandomEvidence(Random& random) {
  ChannelEvidence evidence;
  evidence.enrolled = random() % 4 == 0 ? RandomIntervals(random, 3) : std::vector{MakeInterval(0, kDayNs)};
  evidence.streams.resize(random() % 3);
  for (ChannelEvidence::Stream& stream : evidence.streams) {
    stream.recorded = RandomIntervals(random, 3);
    stream.silence = RandomIntervals(random, 2);
    stream.edges = RandomIntervals(random, 2);
    stream.paused = RandomIntervals(random, 1);
    stream.gaps = RandomGaps(random);
  }
  evidence.idle = RandomIntervals(random, 4);
  evidence.proven = RandomIntervals(random, 3);
  evidence.explained = RandomGaps(random);
  return evidence;
}

bool Holds(const std::vector<v1::Interval>& list, int64_t at) {
  for (const v1::Interval& interval : list)
    if (interval.begin_utc_ns() <= at && at < interval.end_utc_ns()) return true;
  return false;
}

std::optional<v1::GapCause> LowestCause(const std::vector<ChannelEvidence::StatedGap>& gaps, int64_t at) {
  std::optional<v1::GapCause> lowest;
  for (const ChannelEvidence::StatedGap& gap : gaps)
    if (Holds({gap.interval}, at) && (!lowest.has_value() || gap.cause < *lowest)) lowest = gap.cause;
  return lowest;
}

/// "kind/detail" of one instant; empty: not enrolled.
std::string Oracle(const ChannelEvidence& evidence, int64_t at) {
  if (!Holds(evidence.enrolled, at)) return "";
  std::vector<ChannelEvidence::StatedGap> gaps;
  bool paused = false, audible = false, silent = false, edge = false;
  for (const ChannelEvidence::Stream& stream : evidence.streams) {
    gaps.insert(gaps.end(), stream.gaps.begin(), stream.gaps.end());
    paused |= Holds(stream.paused, at);
    audible |= Holds(stream.recorded, at) && !Holds(stream.silence, at);
    silent |= Holds(stream.recorded, at) && Holds(stream.silence, at);
    edge |= Holds(stream.edges, at);
  }
  if (const auto cause = LowestCause(gaps, at)) return "gap/" + GapCauseName(*cause);
  if (paused) return "paused/";
  if (audible) return "recorded/";
  if (silent) return "recorded/silence";
  if (edge) return "idle/edge";
  const bool proven = Holds(evidence.proven, at);
  if (Holds(evidence.idle, at)) return proven ? "idle/" : "gap/unproven";
  for (const ChannelEvidence::StatedGap& gap : evidence.explained)
    if (Holds({gap.interval}, at)) return "gap/" + GapCauseName(gap.cause);
  return proven ? "gap/unknown" : "gap/unproven";
}

bool OracleFindsOverlap(const ChannelEvidence& evidence, int64_t at) {
  if (!Holds(evidence.enrolled, at)) return false;
  for (const ChannelEvidence::Stream& stream : evidence.streams) {
    const bool gap = LowestCause(stream.gaps, at).has_value(), paused = Holds(stream.paused, at);
    const bool recorded = Holds(stream.recorded, at), edge = Holds(stream.edges, at);
    if (gap + paused + recorded + edge > 1) return true;
    if (Holds(stream.silence, at) && !recorded) return true;
    if (Holds(evidence.idle, at) && (gap || paused || recorded)) return true;
  }
  return false;
}

template <class Intervals>
std::vector<std::string> Spread(const Intervals& intervals) {
  std::vector<std::string> at(kDayNs);
  int64_t last_end = INT64_MIN;
  for (const v1::CoverageKind& booked : intervals) {
    EXPECT_LT(booked.interval().begin_utc_ns(), booked.interval().end_utc_ns());
    EXPECT_GE(booked.interval().begin_utc_ns(), last_end);
    last_end = booked.interval().end_utc_ns();
    for (int64_t ns = booked.interval().begin_utc_ns(); ns < booked.interval().end_utc_ns(); ++ns)
      if (ns >= 0 && ns < kDayNs) at[static_cast<size_t>(ns)] = booked.kind() + "/" + booked.detail();
  }
  return at;
}

void ExpectAddsUp(const v1::CoverageTotals& totals, int64_t enrolled_ns) {
  EXPECT_EQ(totals.enrolled_ns(), enrolled_ns);
  EXPECT_EQ(totals.recorded_ns() + totals.idle_ns() + totals.paused_ns() + totals.gap_ns(), enrolled_ns);
  int64_t by_cause_ns = 0;
  for (const auto& [cause, ns] : totals.gap_by_cause_ns()) by_cause_ns += ns;
  EXPECT_EQ(by_cause_ns, totals.gap_ns());
}

// C01: whatever the evidence, the books tile the enrolled time and add up to the nanosecond.
TEST(BooksProperty, RandomEvidenceIsBookedAsTheOracleSaysAndAddsUp) {
  const uint64_t seed = test::Seed(101);
  SCOPED_TRACE(test::SeedTrace(seed));
  Random random(seed);
  for (int round = 0; round < 4000; ++round) {
    SCOPED_TRACE(round);
    ChannelEvidence evidence = RandomEvidence(random);
    std::vector<std::string> errors;
    const v1::ChannelCoverage channel = ComputeChannel(v1::DIRECTION_FAR, evidence, errors);
    std::vector<std::string> want;
    bool overlaps = false;
    for (int64_t at = 0; at < kDayNs; ++at) want.push_back(Oracle(evidence, at));
    for (int64_t at = -2; at < kDayNs + 16; ++at) overlaps |= OracleFindsOverlap(evidence, at);
    ASSERT_EQ(Spread(channel.intervals()), want);
    EXPECT_EQ(!errors.empty(), overlaps);
    ExpectAddsUp(channel.totals(), IntervalSet::Of(evidence.enrolled).TotalNs());
  }
}

TEST(BooksProperty, LineIsTheWorstOfItsChannelsAtEachInstant) {
  const uint64_t seed = test::Seed(102);
  SCOPED_TRACE(test::SeedTrace(seed));
  Random random(seed);
  const auto rank = [](const std::string& kind) {
    return std::string("gpri").find(kind.empty() ? 'z' : kind[0]);
  };
  for (int round = 0; round < 2000; ++round) {
    SCOPED_TRACE(round);
    v1::CoverageReport report;
    std::vector<std::string> errors;
    std::vector<std::vector<std::string>> channels;
    const std::vector<v1::Interval> enrolled = {MakeInterval(0, kDayNs)};
    for (const v1::Direction direction : {v1::DIRECTION_OWN, v1::DIRECTION_FAR}) {
      ChannelEvidence evidence = RandomEvidence(random);
      evidence.enrolled = enrolled;
      *report.add_channels() = ComputeChannel(direction, evidence, errors);
      channels.push_back(Spread(report.channels().rbegin()->intervals()));
    }
    CombineChannels(report);
    const std::vector<std::string> line = Spread(report.intervals());
    for (size_t at = 0; at < line.size(); ++at) {
      EXPECT_EQ(rank(line[at]), std::min(rank(channels[0][at]), rank(channels[1][at])));
      EXPECT_TRUE(line[at] == channels[0][at] || line[at] == channels[1][at]);
    }
    ExpectAddsUp(report.totals(), kDayNs);
  }
}

}  // namespace
}  // namespace turret::coordinator
