#include "node/order/gaps.h"

#include <vector>

#include "gtest/gtest.h"

namespace turret::node {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kStart = 1'790'000'000'000'000'000;

class GapsTest : public testing::Test {
 protected:
  // Sends `count` packets of 20 ms, one every 20 ms.
  void Talk(int count) {
    for (int i = 0; i < count; ++i) Send();
  }
  void Send(bool marker = false, bool restarted = false, uint64_t missing = 0, bool after_outage = false) {
    const int64_t arrival_ns = kStart + now_ms_ * kMs;
    const Placed placed = finder_.Add({.sequence = sequence_++,
                                       .timestamp = timestamp_,
                                       .arrival_utc_ns = arrival_ns,
                                       .anchor_utc_ns = arrival_ns,
                                       .missing_before = missing,
                                       .marker = marker,
                                       .restarted = restarted,
                                       .after_outage = after_outage},
                                      {.duration_ticks = 160});
    if (placed.hole) {
      holes_.push_back(*placed.hole);
      EXPECT_EQ(placed.hole->interval.begin_ns, end_ns_);
      EXPECT_EQ(placed.hole->interval.end_ns, placed.interval.begin_ns);
    } else if (end_ns_ != 0) {
      EXPECT_EQ(placed.interval.begin_ns, end_ns_);
    }
    end_ns_ = placed.interval.end_ns;
    timestamp_ += 160;
    now_ms_ += 20;
  }
  void Lose(int count) {
    sequence_ += count;
    timestamp_ += 160 * count;
    now_ms_ += 20 * count;
  }
  void BeSilent(int ms) {
    timestamp_ += 8 * ms;
    now_ms_ += ms;
  }

  GapFinder finder_{GapFinderOptions{}};
  int64_t sequence_ = 70'000;
  int64_t timestamp_ = 123'456;
  int64_t now_ms_ = 0;
  int64_t end_ns_ = 0;
  std::vector<Hole> holes_;
};

TEST_F(GapsTest, FiveLostPacketsBecomeOneGapOfExactly100Milliseconds) {  // C02
  Talk(40);
  Lose(5);
  Send(/*marker=*/false, /*restarted=*/false, /*missing=*/5);
  ASSERT_EQ(holes_.size(), 1U);
  EXPECT_EQ(holes_[0].cause, v1::GAP_CAUSE_PACKET_LOSS);
  EXPECT_EQ(holes_[0].interval, (UtcInterval{kStart + 800 * kMs, kStart + 900 * kMs}));
  EXPECT_EQ(holes_[0].first_missing_sequence, 70'040);
  EXPECT_EQ(holes_[0].missing_packets, 5U);
  EXPECT_EQ(finder_.lost(), 5U);
}

TEST_F(GapsTest, WhatIsMissingBehindAnOutageIsNodeDownFromTheLastPacketToTheFirst) {
  Talk(40);
  Lose(5);
  Send(/*marker=*/false, /*restarted=*/false, /*missing=*/5, /*after_outage=*/true);
  ASSERT_EQ(holes_.size(), 1U);
  EXPECT_EQ(holes_[0].cause, v1::GAP_CAUSE_NODE_DOWN);
  EXPECT_EQ(holes_[0].interval, (UtcInterval{kStart + 800 * kMs, kStart + 900 * kMs}));
  EXPECT_EQ(holes_[0].first_missing_sequence, 70'040);
  EXPECT_EQ(holes_[0].missing_packets, 5U);
  Lose(3);
  Send(/*marker=*/false, /*restarted=*/false, /*missing=*/3);
  EXPECT_EQ(holes_[1].cause, v1::GAP_CAUSE_PACKET_LOSS);
}

TEST_F(GapsTest, AnOutageIsCountedToThePacketHoweverOftenTheNumbersGoRound) {
  Talk(400);
  const int64_t anchor_ns = finder_.map().piece().anchor_utc_ns;
  for (const int lost : {5'000, 65'536 + 200, 3 * 65'536 + 40'000}) {
    const int64_t before = sequence_;
    Lose(lost);
    sequence_ = before + lost % 65'536;  // As a jump of 16 bits looks.
    Send(/*marker=*/false, /*restarted=*/true, /*missing=*/0, /*after_outage=*/true);
    EXPECT_EQ(holes_.back().cause, v1::GAP_CAUSE_NODE_DOWN);
    EXPECT_EQ(holes_.back().missing_packets, static_cast<uint64_t>(lost));
    EXPECT_EQ(holes_.back().first_missing_sequence, before);
    EXPECT_EQ(holes_.back().interval.end_ns - holes_.back().interval.begin_ns, lost * 20 * kMs);
    Talk(50);
  }
  EXPECT_EQ(finder_.map().piece().anchor_utc_ns, anchor_ns) << "never re-anchored at a restart";
}

TEST_F(GapsTest, AnOutageInWhichNothingWasSentIsNoGap) {
  Talk(40);
  BeSilent(3000);
  Send(/*marker=*/true, /*restarted=*/false, /*missing=*/0, /*after_outage=*/true);
  ASSERT_EQ(holes_.size(), 1U);
  EXPECT_TRUE(holes_[0].silence);
}

TEST_F(GapsTest, SuppressedSilenceWithAMarkerIsNoGap) {
  Talk(40);
  BeSilent(3000);
  Send(/*marker=*/true);
  ASSERT_EQ(holes_.size(), 1U);
  EXPECT_TRUE(holes_[0].silence);
  EXPECT_EQ(holes_[0].interval, (UtcInterval{kStart + 800 * kMs, kStart + 3800 * kMs}));
}

TEST_F(GapsTest, SuppressedSilenceAfterComfortNoiseIsNoGap) {
  Talk(40);
  finder_.Add({.sequence = sequence_++, .timestamp = timestamp_, .arrival_utc_ns = kStart + 800 * kMs},
              {.comfort_noise = true});
  BeSilent(3000);
  const Placed placed =
      finder_.Add({.sequence = sequence_, .timestamp = timestamp_, .arrival_utc_ns = kStart + now_ms_ * kMs},
                  {.duration_ticks = 160});
  ASSERT_TRUE(placed.hole);
  EXPECT_TRUE(placed.hole->silence);
}

TEST_F(GapsTest, AJumpWithoutEvidenceOfSuppressionIsADiscontinuity) {
  Talk(40);
  BeSilent(3000);
  Send();
  ASSERT_EQ(holes_.size(), 1U);
  EXPECT_FALSE(holes_[0].silence);
  EXPECT_EQ(holes_[0].cause, v1::GAP_CAUSE_SOURCE_DISCONTINUITY);
  EXPECT_EQ(holes_[0].interval.end_ns - holes_[0].interval.begin_ns, 3000 * kMs);
}

TEST_F(GapsTest, AJumpThatArrivalDeniesIsADiscontinuityAsLongAsItTook) {
  Talk(40);
  timestamp_ += 8 * 60'000;  // A minute by the source's clock, half a second by ours.
  now_ms_ += 500;
  Send(/*marker=*/true);
  ASSERT_EQ(holes_.size(), 1U);
  EXPECT_EQ(holes_[0].cause, v1::GAP_CAUSE_SOURCE_DISCONTINUITY);
  EXPECT_EQ(holes_[0].interval.end_ns - holes_[0].interval.begin_ns, 500 * kMs);
  Talk(10);
  EXPECT_EQ(holes_.size(), 1U);
}

TEST_F(GapsTest, AnotherClockWithoutLostTimeLeavesNoGap) {
  Talk(40);
  timestamp_ += 1'000'000;
  Send(/*marker=*/false, /*restarted=*/true);
  EXPECT_TRUE(holes_.empty());
}

TEST_F(GapsTest, LossDuringADelayIsBoundedByTheSourcesClock) {
  Talk(40);
  Lose(10);
  now_ms_ += 400;  // What follows comes late, in a burst.
  Send(false, false, 10);
  ASSERT_EQ(holes_.size(), 1U);
  EXPECT_EQ(holes_[0].interval.end_ns - holes_[0].interval.begin_ns, 200 * kMs);
}

TEST_F(GapsTest, AfterTwentyMinutesAMarkerProvesNothing) {
  Talk(40);
  BeSilent(21 * 60'000);
  Send(/*marker=*/true);
  ASSERT_EQ(holes_.size(), 1U);
  EXPECT_EQ(holes_[0].cause, v1::GAP_CAUSE_SOURCE_DISCONTINUITY);
}

TEST_F(GapsTest, PacketsOfUntoldLengthAreAsLongAsTheirSpacing) {
  GapFinder finder{GapFinderOptions{}};
  int64_t end_ns = 0;
  for (int64_t n = 0; n < 20; ++n) {
    const Placed placed = finder.Add({.sequence = n,
                                      .timestamp = n * 240,
                                      .arrival_utc_ns = kStart + n * 30 * kMs,
                                      .anchor_utc_ns = kStart},
                                     {.duration_ticks = -1});
    EXPECT_FALSE(placed.hole);
    end_ns = placed.interval.end_ns;
  }
  EXPECT_EQ(end_ns, kStart + 600 * kMs);
}

}  // namespace
}  // namespace turret::node
