#include "node/order/reorder.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <set>

#include "gtest/gtest.h"
#include "tests/support/support.h"

namespace turret::node {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kStart = 1'790'000'000'000'000'000;

class ReorderTest : public testing::Test {
 protected:
  // Packet number `n` of a steady source, arriving `at_ms` after the start.
  void Push(int64_t n, int64_t at_ms) {
    PushRaw(static_cast<uint16_t>(65'530 + n), static_cast<uint32_t>(n * 160), at_ms);
  }
  void PushRaw(uint16_t sequence, uint32_t timestamp, int64_t at_ms) {
    ++pushed_;
    const Buffer payload(4, static_cast<uint8_t>(sequence));
    reorder_.Push(
        {.sequence = sequence, .timestamp = timestamp, .ssrc = 1, .payload_type = 8, .payload = payload},
        kStart + at_ms * kMs, pushed_, [this](const OrderedPacket& packet) { Take(packet); });
    ExpectAccounted();
  }
  void Flush() {
    reorder_.Flush([this](const OrderedPacket& packet) { Take(packet); });
    EXPECT_EQ(reorder_.held(), 0U);
    ExpectAccounted();
  }
  void Take(const OrderedPacket& packet) {
    if (!out_.empty()) {
      EXPECT_GT(packet.sequence, out_.back().sequence);
    }
    EXPECT_EQ(packet.payload[0], static_cast<uint8_t>(packet.sequence));
    out_.push_back(packet);
    out_.back().payload = {};
  }
  void ExpectAccounted() {
    EXPECT_EQ(pushed_,
              out_.size() + reorder_.duplicate() + reorder_.late() + reorder_.stray() + reorder_.held());
  }
  uint64_t Missing() const {
    return std::accumulate(
        out_.begin(), out_.end(), uint64_t{0},
        [](uint64_t sum, const OrderedPacket& packet) { return sum + packet.missing_before; });
  }

  Reorder reorder_{ReorderOptions{}};
  uint64_t pushed_ = 0;
  std::vector<OrderedPacket> out_;
};

TEST_F(ReorderTest, TheFirstPacketBehindAnOutageIsToldAndNoOther) {
  for (int64_t n = 0; n < 30; ++n) Push(n, n * 20);
  reorder_.NodeWasDown();
  Push(41, 800);
  Push(40, 805);
  for (int64_t n = 42; n < 60; ++n) Push(n, n * 20);
  Flush();
  for (const OrderedPacket& packet : out_)
    EXPECT_EQ(packet.after_outage, packet.sequence == 65'536 + 65'530 + 40) << packet.sequence;
  EXPECT_EQ(Missing(), 10U);
}

TEST_F(ReorderTest, AnOutageAsLongAsTheNumbersGoRoundDropsNothing) {
  for (int64_t n = 0; n < 30; ++n) Push(n, n * 20);
  reorder_.NodeWasDown();
  const int64_t round = 65'536 + 20;  // Its first number was there 10 packets ago.
  for (int64_t n = round; n < round + 30; ++n) Push(n, n * 20);
  Flush();
  EXPECT_EQ(out_.size(), 60U);
  EXPECT_TRUE(out_[30].restarted);
  EXPECT_TRUE(out_[30].after_outage);
}

TEST_F(ReorderTest, WhatIsSavedAnywhereGoesOnTheSame) {
  std::mt19937_64 random(test::Seed(5));
  std::vector<std::pair<int64_t, int64_t>> packets;  // Number and arrival.
  for (int64_t n = 0; n < 400; ++n) {
    if (random() % 20 == 0) n += 1 + static_cast<int64_t>(random() % 3);
    if (random() % 90 == 0) n += 4'000;
    const int64_t late_ms = random() % 10 == 0 ? static_cast<int64_t>(random() % 400) : 0;
    for (uint64_t copies = random() % 30 == 0 ? 2 : 1; copies > 0; --copies)
      packets.emplace_back(n, n * 20 + late_ms);
  }
  std::ranges::stable_sort(packets, {}, &std::pair<int64_t, int64_t>::second);
  const auto run = [&](bool saving) {
    std::destroy_at(&reorder_);
    std::construct_at(&reorder_, ReorderOptions{});
    out_.clear(), pushed_ = 0;
    for (const auto& [n, at_ms] : packets) {
      Push(n, at_ms);
      if (!saving) continue;
      const v1::ReorderState state = reorder_.Save();
      std::destroy_at(&reorder_);
      std::construct_at(&reorder_, ReorderOptions{});
      reorder_.Restore(state);
    }
    Flush();
    std::vector<std::tuple<int64_t, int64_t, int64_t, uint64_t, bool>> all;
    for (const OrderedPacket& packet : out_)
      all.emplace_back(packet.sequence, packet.timestamp, packet.anchor_utc_ns, packet.missing_before,
                       packet.restarted);
    return all;
  };
  const auto expected = run(false);
  EXPECT_EQ(run(true), expected);
}

TEST_F(ReorderTest, EveryOrderOfFivePacketsComesOutInOrder) {
  std::vector<int> order{0, 1, 2, 3, 4};
  do {
    SCOPED_TRACE(testing::PrintToString(order));
    reorder_.~Reorder();
    new (&reorder_) Reorder(ReorderOptions{});
    out_.clear();
    pushed_ = 0;
    for (size_t i = 0; i < order.size(); ++i) Push(order[i], static_cast<int64_t>(20 * i));
    Flush();
    ASSERT_EQ(out_.size(), 5U);
    EXPECT_EQ(Missing(), 0U);
  } while (std::ranges::next_permutation(order).found);
}

TEST_F(ReorderTest, SequenceAndTimestampGoOnOverTheirWraps) {
  for (int n = 0; n < 20; ++n)
    PushRaw(static_cast<uint16_t>(65'530 + n),
            static_cast<uint32_t>(0xFFFFFF00U + 160U * static_cast<uint32_t>(n)), 20 * n);
  Flush();
  ASSERT_EQ(out_.size(), 20U);
  EXPECT_EQ(out_.back().sequence - out_.front().sequence, 19);
  EXPECT_EQ(out_.back().timestamp - out_.front().timestamp, 19 * 160);
}

TEST_F(ReorderTest, AMissingPacketIsWaitedFor200Milliseconds) {
  for (int n = 0; n < 20; ++n) Push(n, 20 * n);
  const size_t before = out_.size();
  for (int n = 21; n < 31; ++n) Push(n, 20 * n);  // 20 is missing, noticed at 420 ms.
  EXPECT_EQ(out_.size(), before);
  Push(20, 615);
  EXPECT_EQ(out_.size(), 31U);
  EXPECT_EQ(Missing(), 0U);
}

TEST_F(ReorderTest, WhatComesAfterTheWindowIsLateAndWasCountedMissing) {
  for (int n = 0; n < 40; ++n)
    if (n != 20) Push(n, 20 * n);
  Push(20, 800);
  EXPECT_EQ(reorder_.late(), 1U);
  EXPECT_EQ(Missing(), 1U);
}

TEST_F(ReorderTest, DuplicatesCountOnceWhetherHeldOrReleased) {
  for (int n = 0; n < 40; ++n) {
    Push(n, 20 * n);
    Push(n, 20 * n + 1);
  }
  Push(5, 801);
  EXPECT_EQ(reorder_.duplicate(), 41U);
  EXPECT_EQ(out_.size(), 40U);
}

TEST_F(ReorderTest, TheFirstPacketsMaySwapWithoutLoss) {
  Push(2, 0), Push(0, 3), Push(1, 5);
  for (int n = 3; n < 30; ++n) Push(n, 20 * n);
  Flush();
  EXPECT_EQ(out_.size(), 30U);
  EXPECT_EQ(reorder_.late(), 0U);
}

TEST_F(ReorderTest, TheAnchorIsToldByTheLeastDelayedOfTheFirstPackets) {
  Push(0, 15);
  for (int n = 1; n < 20; ++n) Push(n, 20 * n + 1);
  ASSERT_FALSE(out_.empty());
  EXPECT_EQ(out_.front().anchor_utc_ns, kStart + 1 * kMs);
}

TEST_F(ReorderTest, ASourceThatRestartsLosesNothing) {  // RFC 3550 A.1: two in sequence prove it.
  for (int n = 0; n < 50; ++n) Push(n, 20 * n);
  for (int n = 0; n < 50; ++n)
    PushRaw(static_cast<uint16_t>(20'000 + n), static_cast<uint32_t>(7'777'777 + 160 * n), 1000 + 20 * n);
  Flush();
  EXPECT_EQ(out_.size(), 100U);
  EXPECT_EQ(std::ranges::count_if(out_, [](const OrderedPacket& packet) { return packet.restarted; }), 1);
}

TEST_F(ReorderTest, ASourceThatBeginsAgainWithTheSameNumbersLosesNothing) {
  for (int n = 0; n < 500; ++n) Push(n, 20 * n);
  for (int n = 0; n < 500; ++n) Push(n, 10'000 + 20 * n);
  Flush();
  EXPECT_EQ(out_.size(), 1000U);
}

TEST_F(ReorderTest, ALonePacketFarAwayIsAStray) {
  for (int n = 0; n < 20; ++n) Push(n, 20 * n);
  PushRaw(30'000, 1, 401);
  for (int n = 20; n < 40; ++n) Push(n, 20 * n + 2);
  Flush();
  EXPECT_EQ(out_.size(), 40U);
  EXPECT_EQ(reorder_.stray(), 1U);
  EXPECT_EQ(Missing(), 0U);
}

TEST_F(ReorderTest, ADelayedStretchOfOldPacketsIsNoRestart) {
  for (int n = 0; n < 300; ++n) Push(n, 20 * n);
  for (int n = 190; n < 199; ++n) Push(n, 5990);
  EXPECT_EQ(reorder_.duplicate(), 9U);
  Push(300, 6000);
  Flush();
  EXPECT_EQ(out_.size(), 301U);
}

TEST_F(ReorderTest, RandomNetworksAreAccountedForToTheLastPacket) {
  const uint64_t seed = test::Seed(4);
  SCOPED_TRACE(test::SeedTrace(seed));
  std::mt19937_64 random(seed);
  struct Sent {
    int64_t n, at_ms;
  };
  std::vector<Sent> sent;
  std::set<int64_t> arrived;
  for (int64_t n = 0; n < 20'000; ++n) {
    if (random() % 100 == 0 && n != 0) continue;
    arrived.insert(n);
    sent.push_back({n, 20 * n + static_cast<int64_t>(random() % 100)});
    if (random() % 50 == 0) sent.push_back({n, 20 * n + static_cast<int64_t>(random() % 100)});
  }
  std::ranges::stable_sort(sent, {}, &Sent::at_ms);
  for (const Sent& packet : sent) Push(packet.n, packet.at_ms);
  Flush();
  EXPECT_EQ(out_.size(), arrived.size());  // Jitter under the window: nothing is late.
  EXPECT_EQ(reorder_.late(), 0U);
  EXPECT_EQ(Missing(), static_cast<uint64_t>(*arrived.rbegin() - *arrived.begin() + 1) - arrived.size());
}

TEST_F(ReorderTest, AnyNoiseIsAccountedFor) {
  const uint64_t seed = test::Seed(5);
  SCOPED_TRACE(test::SeedTrace(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 50'000; ++i) {
    const uint64_t kind = random() % 10;
    const auto near = static_cast<uint16_t>(i + static_cast<int>(random() % 400) - 200);
    PushRaw(kind == 0 ? static_cast<uint16_t>(random()) : near,
            kind == 1 ? static_cast<uint32_t>(random()) : near * 160U, i * 3);
  }
  Flush();
}

}  // namespace
}  // namespace turret::node
