#include <random>

#include "tests/node/encode/recorder_fixture.h"

namespace turret::node {
namespace {

class StreamAccountTest : public CallFixture {
 protected:
  void Talk(int64_t begin_ms, int packets) {
    for (int i = 0; i < packets; ++i) Send(begin_ms + 20 * i, source_.Next(Buffer(160, 0x55)));
  }
  RtpSource source_;
};

TEST_F(StreamAccountTest, AWholeCallIsRecordedBetweenItsEdges) {
  Begin(Opened(stream_));
  Talk(30, 500);
  End(10'100);
  EXPECT_EQ(Recorded(stream_), Intervals{Ms(30, 10'030)});
  EXPECT_TRUE(Gaps().empty());
  ExpectTiled(10'100);
}

TEST_F(StreamAccountTest, LossIsFoundWithExactBoundsAndCounted) {  // C02
  Begin(Opened(stream_));
  Talk(0, 100);
  source_.Lose(5);
  Talk(2'100, 100);
  End(4'100);
  ASSERT_EQ(Gaps().size(), 1U);
  const v1::Gap gap = Gaps()[0];
  EXPECT_EQ(FromProto(gap.interval()), Ms(2'000, 2'100));
  EXPECT_EQ(gap.cause(), v1::GAP_CAUSE_PACKET_LOSS);
  EXPECT_EQ(gap.missing_packets(), 5U);
  EXPECT_EQ(gap.stream_id(), stream_.ToProto());
  EXPECT_EQ(gap.channels(0).line_id(), line_.ToProto());
  EXPECT_EQ(tally_.lost, 5U);
  ExpectTiled(4'100);
}

TEST_F(StreamAccountTest, ACallWithoutAnyRtpIsOneGap) {  // C05
  Begin(Opened(stream_));
  End(30'000);
  ASSERT_EQ(Gaps().size(), 1U);
  EXPECT_EQ(Gaps()[0].cause(), v1::GAP_CAUSE_NO_MEDIA);
  EXPECT_EQ(FromProto(Gaps()[0].interval()), Ms(0, 30'000));
  const v1::CallEnded ended = FactsOf(v1::Fact::kCallEnded)[0].call_ended();
  ASSERT_EQ(ended.streams_size(), 1);
  EXPECT_EQ(ended.streams(0).segments(), 0U);
  ExpectTiled(30'000);
}

TEST_F(StreamAccountTest, MediaThatStopsForGoodLeavesAGapToTheEnd) {
  Begin(Opened(stream_));
  Talk(600, 100);
  End(10'000);
  ASSERT_EQ(Gaps().size(), 2U);
  EXPECT_EQ(FromProto(Gaps()[0].interval()), Ms(0, 600));
  EXPECT_EQ(FromProto(Gaps()[1].interval()), Ms(2'600, 10'000));
  ExpectTiled(10'000);
}

TEST_F(StreamAccountTest, AHoldIsPausedAndItsEdgesAreNoGaps) {
  Begin(Opened(stream_));
  Talk(0, 100);
  Pause(2'050, true);
  Pause(7'000, false);
  source_.Skip(5'060);
  Talk(7'060, 100);
  End(9'060);
  EXPECT_TRUE(Gaps().empty());
  ASSERT_EQ(FactsOf(v1::Fact::kPaused).size(), 1U);
  EXPECT_EQ(FromProto(FactsOf(v1::Fact::kPaused)[0].paused().interval()), Ms(2'050, 7'000));
  ExpectTiled(9'060);
}

TEST_F(StreamAccountTest, ACallThatEndsOnHoldIsPausedToItsEnd) {
  Begin(Opened(stream_));
  Talk(0, 100);
  Pause(2'000, true);
  End(60'000);
  EXPECT_EQ(FromProto(FactsOf(v1::Fact::kPaused).at(0).paused().interval()), Ms(2'000, 60'000));
  ExpectTiled(60'000);
}

TEST_F(StreamAccountTest, RtpWhilePausedIsKeptFlaggedAndBookedAsPaused) {
  Begin(Opened(stream_));
  Talk(0, 100);
  Pause(2'000, true);
  Talk(2'000, 100);
  Pause(4'000, false);
  Talk(4'000, 100);
  End(6'000);
  EXPECT_EQ(Open(stream_).AllMedia().size(), 300U * 160);
  EXPECT_EQ(Recorded(stream_), (Intervals{Ms(0, 2'000), Ms(4'000, 6'000)}));
  const std::vector<v1::Fact> updates = FactsOf(v1::Fact::kCallUpdated);
  ASSERT_EQ(updates.size(), 1U);
  EXPECT_EQ(updates[0].call_updated().flags(0), v1::CALL_FLAG_MEDIA_WHILE_PAUSED);
  int flagged = 0;
  for (const v1::SegmentBody& body : Open(stream_).bodies)
    for (const uint32_t flags : body.packets().flags()) flagged += static_cast<int>(flags >> 1);
  EXPECT_EQ(flagged, 100);
  ExpectTiled(6'000);
}

TEST_F(StreamAccountTest, SuppressedSilenceIsRecordedAndToldApart) {
  Begin(Opened(stream_));
  Talk(0, 100);
  source_.Skip(3'000);
  source_.marker = true;
  Talk(5'000, 100);
  End(7'000);
  EXPECT_TRUE(Gaps().empty());
  EXPECT_EQ(Recorded(stream_), Intervals{Ms(0, 7'000)});
  const v1::StreamProgress progress = FactsOf(v1::Fact::kStreamProgress).back().stream_progress();
  ASSERT_EQ(progress.silence_size(), 1);
  EXPECT_EQ(FromProto(progress.silence(0)), Ms(2'000, 5'000));
  ExpectTiled(7'000);
}

TEST_F(StreamAccountTest, LongCallsStateTheirProgressEveryFiveMinutes) {
  Begin(Opened(stream_));
  Talk(0, 50 * 60 * 16);
  EXPECT_EQ(FactsOf(v1::Fact::kStreamProgress).size(), 3U);
  End(16 * 60'000);
  const std::vector<v1::Fact> progress = FactsOf(v1::Fact::kStreamProgress);
  ASSERT_EQ(progress.size(), 4U);
  EXPECT_FALSE(progress[2].stream_progress().ended());
  EXPECT_TRUE(progress[3].stream_progress().ended());
  EXPECT_EQ(progress[3].stream_progress().counts().recorded(), 48'000U);
  EXPECT_EQ(progress[3].stream_progress().segments(), Open(stream_).media.size());
  ExpectTiled(16 * 60'000);
}

TEST_F(StreamAccountTest, AudioBeforeTheAnswerAndAfterTheEndIsKeptAndClipped) {
  Begin(Opened(stream_));
  Talk(-100, 105);
  End(1'990);
  EXPECT_EQ(Recorded(stream_), Intervals{Ms(0, 1'990)});
  EXPECT_EQ(FactsOf(v1::Fact::kStreamProgress).back().stream_progress().clipped_ns(), 110 * kMs);
  EXPECT_EQ(Open(stream_).AllMedia().size(), 105U * 160);
  ExpectTiled(1'990);
}

// Whatever the network and the source do: the call's time adds up to the nanosecond, every datagram is
// accounted for.
TEST_F(StreamAccountTest, RandomCallsAddUp) {  // C01
  const uint64_t seed = test::Seed(12);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE(test::SeedTrace(seed) + " round " + std::to_string(round));
    Restart();
    Begin(Opened(stream_));
    source_ = {.sequence = static_cast<uint16_t>(random()), .timestamp = static_cast<uint32_t>(random())};
    std::multimap<int64_t, Buffer> wire;
    std::map<int64_t, bool> pauses;
    int64_t now_ms = static_cast<int64_t>(random() % 800);
    for (int i = 0; i < 1'000; ++i, now_ms += 20) {
      const uint64_t what = random() % 400;
      if (what == 0) source_.Skip(2'000), now_ms += 2'000, source_.marker = true;
      if (what == 1) source_.Skip(700), now_ms += 700;
      if (what == 2) source_.timestamp = static_cast<uint32_t>(random());
      if (what == 3) source_.sequence = static_cast<uint16_t>(random());
      if (what == 4) now_ms += static_cast<int64_t>(random() % 3'000);
      if (what == 5) pauses[now_ms] = true, pauses[now_ms + 900] = false;
      if (what == 6) wire.emplace(now_ms, Voice(random() % 60));
      if (what == 7) source_.ssrc = static_cast<uint32_t>(random() % 3);
      if (what == 8) source_.payload_type = source_.payload_type == 8 ? 0 : 8;
      const Buffer datagram = source_.Next(Buffer(160, 1));
      if (random() % 60 == 0) continue;
      wire.emplace(now_ms + static_cast<int64_t>(random() % 40), datagram);
      if (random() % 60 == 0) wire.emplace(now_ms + static_cast<int64_t>(random() % 400), datagram);
    }
    for (const auto& [at_ms, datagram] : wire) {
      while (!pauses.empty() && pauses.begin()->first <= at_ms) {
        Pause(pauses.begin()->first, pauses.begin()->second);
        pauses.erase(pauses.begin());
      }
      Send(at_ms, datagram);
      if (random() % 100 == 0) recorder_->OnTime(kAnswered + at_ms * kMs, position_);
    }
    const int64_t end_ms = now_ms + static_cast<int64_t>(random() % 1'000);
    End(end_ms);
    ExpectTiled(end_ms);
    uint64_t rows = 0;
    for (const v1::Fact& fact : FactsOf(v1::Fact::kStreamOpened))
      for (const v1::SegmentBody& body : Open(*StreamId::FromProto(fact.stream_opened().stream_id())).bodies)
        rows += static_cast<uint64_t>(body.packets().payload_bytes_size());
    EXPECT_EQ(rows, tally_.recorded);
  }
}

}  // namespace
}  // namespace turret::node
