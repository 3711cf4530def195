#include "node/order/stream_books.h"

#include <algorithm>
#include <random>

#include "gtest/gtest.h"
#include "tests/support/support.h"

namespace turret::node {
namespace {

constexpr int64_t kMs = 1'000'000;

UtcInterval Ms(int64_t begin, int64_t end) { return {begin * kMs, end * kMs}; }
Hole Loss(int64_t begin, int64_t end) {
  return {.interval = Ms(begin, end), .cause = v1::GAP_CAUSE_PACKET_LOSS, .missing_packets = 1};
}

TEST(Intervals, SetsBehaveAsSetsOfNanoseconds) {
  const uint64_t seed = test::Seed(7);
  SCOPED_TRACE(test::SeedTrace(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 500; ++round) {
    Intervals a, b;
    std::vector<bool> in_a(64), in_b(64);
    const auto fill = [&](Intervals& set, std::vector<bool>& bits) {
      for (uint64_t i = random() % 8; i > 0; --i) {
        const auto begin = static_cast<int64_t>(random() % 60),
                   end = begin + static_cast<int64_t>(random() % 5);
        Add(set, {begin, end});
        for (int64_t at = begin; at < end; ++at) bits[static_cast<size_t>(at)] = true;
      }
    };
    const auto bits_of = [](const Intervals& set) {
      std::vector<bool> bits(64);
      for (const UtcInterval& one : set)
        for (int64_t at = one.begin_ns; at < one.end_ns; ++at) bits[static_cast<size_t>(at)] = true;
      return bits;
    };
    fill(a, in_a), fill(b, in_b);
    ASSERT_EQ(bits_of(a), in_a);
    std::vector<bool> both(64), only_a(64);
    for (size_t i = 0; i < 64; ++i) both[i] = in_a[i] && in_b[i], only_a[i] = in_a[i] && !in_b[i];
    ASSERT_EQ(bits_of(Intersect(a, b)), both);
    ASSERT_EQ(bits_of(Subtract(a, b)), only_a);
  }
}

TEST(StreamBooks, AnOutageThatTheStreamDoesNotOutliveIsNodeDownToItsEnd) {
  StreamBooks books(0);
  books.Recorded(0, Ms(100, 5000));
  books.NodeWasDown(/*last_utc_ns=*/5'010 * kMs);
  std::vector<SettledGap> gaps;
  books.Finish(9'000 * kMs, gaps);
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_EQ(gaps[0].interval, Ms(5000, 9000));
  EXPECT_EQ(gaps[0].cause, v1::GAP_CAUSE_NODE_DOWN);
}

TEST(StreamBooks, AnEndWithinHalfASecondIsAnEdgeOutageOrNot) {
  StreamBooks books(0);
  books.Recorded(0, Ms(0, 5000));
  books.NodeWasDown(/*last_utc_ns=*/5'010 * kMs);
  std::vector<SettledGap> gaps;
  books.Finish(5'400 * kMs, gaps);
  EXPECT_TRUE(gaps.empty());
  EXPECT_EQ(books.Take(0).edges, Intervals{Ms(5000, 5400)});
}

TEST(StreamBooks, AnAbsenceThatLastedAlreadyIsNotBlamedOnAnOutage) {
  StreamBooks books(0);
  books.Recorded(0, Ms(0, 5000));
  books.NodeWasDown(/*last_utc_ns=*/8'000 * kMs);
  std::vector<SettledGap> gaps;
  books.Finish(20'000 * kMs, gaps);
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_EQ(gaps[0].cause, v1::GAP_CAUSE_NO_MEDIA);
}

TEST(StreamBooks, ACallWithoutMediaIsOneGapWithoutItsPauses) {  // C05
  StreamBooks books(0);
  books.PauseBegan(3000 * kMs);
  books.PauseEnded(4000 * kMs);
  std::vector<SettledGap> gaps;
  books.Finish(10'000 * kMs, gaps);
  ASSERT_EQ(gaps.size(), 2U);
  EXPECT_EQ(gaps[0].interval, Ms(0, 3000));
  EXPECT_EQ(gaps[1].interval, Ms(4000, 10'000));
  EXPECT_EQ(gaps[0].cause, v1::GAP_CAUSE_NO_MEDIA);
}

TEST(StreamBooks, EdgesAreUpToHalfASecondAndLongerOnesAreNoMedia) {
  for (const int64_t edge_ms : {500, 501}) {
    StreamBooks books(0);
    books.Recorded(0, Ms(edge_ms, 5000));
    std::vector<SettledGap> gaps;
    books.Finish((5000 + edge_ms) * kMs, gaps);
    const SettledTime settled = books.Take(0);
    EXPECT_EQ(settled.edges.size(), edge_ms == 500 ? 2U : 0U);
    EXPECT_EQ(gaps.size(), edge_ms == 500 ? 0U : 2U);
  }
}

TEST(StreamBooks, WhatLiesOutsideTheCallIsClippedAndCounted) {
  StreamBooks books(100 * kMs);
  books.Recorded(0, Ms(80, 1000));
  std::vector<SettledGap> gaps;
  books.Finish(990 * kMs, gaps);
  const SettledTime settled = books.Take(0);
  EXPECT_EQ(settled.recorded, Intervals{Ms(100, 990)});
  EXPECT_EQ(settled.clipped_ns, 30 * kMs);
}

TEST(StreamBooks, AnAbsenceIsNotSettledBeforeItEnds) {
  StreamBooks books(0);
  std::vector<SettledGap> gaps;
  books.Recorded(0, Ms(0, 2000));
  books.AddHole(0, Loss(2000, 4000));
  books.Settle(3000 * kMs, gaps);
  EXPECT_EQ(books.settled_ns(), 2000 * kMs);
  EXPECT_TRUE(gaps.empty());
  books.Recorded(0, Ms(4000, 6000));
  books.Settle(5000 * kMs, gaps);
  EXPECT_EQ(books.settled_ns(), 5000 * kMs);
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_EQ(gaps[0].interval, Ms(2000, 4000));
}

TEST(StreamBooks, ASecondSourceFillsWhatTheFirstLeft) {
  StreamBooks books(0);
  books.Recorded(0, Ms(0, 2000));
  books.Recorded(1, Ms(2300, 6000));
  std::vector<SettledGap> gaps;
  books.Finish(6000 * kMs, gaps);
  ASSERT_EQ(gaps.size(), 1U);
  EXPECT_EQ(gaps[0].interval, Ms(2000, 2300));
  EXPECT_EQ(gaps[0].cause, v1::GAP_CAUSE_SOURCE_DISCONTINUITY);
  EXPECT_EQ(books.Take(1).recorded, Intervals{Ms(2300, 6000)});
}

TEST(StreamBooks, MediaWhilePausedIsBookedAsPaused) {
  StreamBooks books(0);
  books.Recorded(0, Ms(0, 10'000));
  books.PauseBegan(2000 * kMs);
  EXPECT_EQ(books.PauseEnded(5000 * kMs), Ms(2000, 5000));
  std::vector<SettledGap> gaps;
  books.Finish(10'000 * kMs, gaps);
  EXPECT_EQ(books.Take(0).recorded, (Intervals{Ms(0, 2000), Ms(5000, 10'000)}));
}

// Whatever the evidence and whenever it is settled: every nanosecond is booked once.
TEST(StreamBooks, RandomEvidenceTilesTheCallExactly) {  // C01
  const uint64_t seed = test::Seed(8);
  SCOPED_TRACE(test::SeedTrace(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 400; ++round) {
    SCOPED_TRACE(round);
    const auto upto = [&](uint64_t most) { return static_cast<int64_t>(random() % most); };
    const int64_t begin = 1'000'000'000 + upto(1'000'000'000), end = begin + upto(20'000'000'000);
    StreamBooks books(begin);
    std::vector<SettledGap> gaps;
    Intervals paused;
    std::array<int64_t, 2> cursor{begin - 500'000'000 + upto(2'000'000'000), begin + upto(10'000'000'000)};
    for (int64_t now = begin; now < end; now += 1 + upto(200'000'000)) {
      if (random() % 40 == 0) books.PauseBegan(now - upto(100'000'000));
      if (random() % 20 == 0) {
        if (const auto pause = books.PauseEnded(now)) Add(paused, *pause);
      }
      for (size_t source = 0; source < 2; ++source) {
        if (random() % 10 == 0) continue;
        while (cursor[source] < now) {
          const UtcInterval next{cursor[source], cursor[source] + 1 + upto(100'000'000)};
          const uint64_t kind = random() % 8;
          if (kind < 5) books.Recorded(source, next);
          if (kind == 5) books.AddHole(source, {.interval = next, .cause = v1::GAP_CAUSE_PACKET_LOSS});
          if (kind == 6) books.AddHole(source, {.interval = next, .silence = true});
          cursor[source] = next.end_ns;  // Kind 7: nothing is known.
        }
      }
      if (random() % 3 == 0) books.Settle(now - 300'000'000, gaps);
    }
    if (const auto pause = books.PauseEnded(end)) Add(paused, *pause);
    books.Finish(end, gaps);
    SettledTime first = books.Take(0), second = books.Take(1);
    Intervals all = Intersect(paused, {{begin, end}});
    int64_t sum = Length(all);
    for (const Intervals* set : {&first.recorded, &second.recorded, &first.edges})
      for (const UtcInterval& one : *set) Add(all, one), sum += one.end_ns - one.begin_ns;
    for (const SettledGap& gap : gaps)
      Add(all, gap.interval), sum += gap.interval.end_ns - gap.interval.begin_ns;
    ASSERT_EQ(sum, end - begin);
    if (begin != end) {
      ASSERT_EQ(all, (Intervals{{begin, end}}));
    }
    ASSERT_EQ(Length(Subtract(first.silence, first.recorded)), 0);
  }
}

}  // namespace
}  // namespace turret::node
