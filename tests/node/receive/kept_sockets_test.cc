// Media sockets that outlive the receiver: what comes while nobody reads is there for the next one.
#include <arpa/inet.h>
#include <sys/socket.h>

#include <map>
#include <thread>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/receive/receiver.h"
#include "tests/node/sockets/local_store.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

namespace turret::node {
namespace {

using turret::test::WaitUntil;

// An address of 127.0.0.0/8 that is this process's own, so that tests that run side by side share no ports.
std::string OwnAddress() {
  const auto pid = static_cast<uint32_t>(getpid());  // Of at most 22 bits.
  return fmt::format("127.{}.{}.{}", 64 + ((pid >> 16) & 0x3F), (pid >> 8) & 0xFF, pid & 0xFF);
}

class Spooled final : public RecordVisitor {
 public:
  void OnDatagram(uint64_t, const Datagram& datagram) override {
    datagrams.push_back({ToString(datagram.bytes), datagram.arrival_utc_ns});
  }
  void OnUnitKey(uint64_t, UnitKeyRecord) override {}
  void OnFact(uint64_t, v1::Fact) override {}
  struct One {
    std::string bytes;
    int64_t arrival_utc_ns;
  };
  std::vector<One> datagrams;
};

class KeptSocketsReceiverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Spool::Open({.directory = folder_ / "spool", .extent_bytes = 1 << 20}, environment_,
                              SecretKey::Make(random_), clock_, random_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    spool_ = *std::move(opened);
    Start();
  }
  /// As a process that starts: with what the store passes.
  void Start() {
    kept_ = std::make_unique<KeptSockets>(store_.manager(), store_.Pass());
    auto created = Receiver::Create({.bind_address = OwnAddress(),
                                     .port_min = 24000,
                                     .port_max = 24003,
                                     .round = absl::Milliseconds(1),
                                     .clock = &clock_,
                                     .kept = kept_.get()},
                                    *spool_, metrics_);
    ASSERT_TRUE(created.ok()) << created.status();
    receiver_ = *std::move(created);
  }
  void Restart() {
    receiver_->Leave();
    receiver_.reset();
    Start();
  }
  void Send(uint16_t port, const std::string& bytes) const {
    const sockaddr_in to{
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {inet_addr(OwnAddress().c_str())}};
    ASSERT_EQ(
        sendto(from_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to),
        static_cast<ssize_t>(bytes.size()));
  }
  std::vector<Spooled::One> Read() {
    Spooled spooled;
    EXPECT_TRUE(spool_->Commit().ok());
    for (uint64_t position = 0;;) {
      const auto block = spool_->Read(position, absl::ZeroDuration()).value();
      if (block == nullptr) return spooled.datagrams;
      EXPECT_TRUE(block->Visit(spooled).ok());
      position = block->end_position();
    }
  }

  turret::test::TemporaryFolder folder_;
  PosixEnvironment environment_;
  turret::test::ManualClock clock_;
  turret::test::SeededRandom random_{turret::test::Seed(3)};
  NodeMetrics metrics_;
  test::LocalStore store_;
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<KeptSockets> kept_;
  std::unique_ptr<Receiver> receiver_;
  const Descriptor from_{socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  const StreamId stream_ = StreamId::Make(random_);
};

// R11. 5 s of G.711 while nobody reads.
TEST_F(KeptSocketsReceiverTest, WhatComesWhileNobodyReadsIsInTheSpoolInOrderWithTheTimeItCame) {
  const uint16_t port = receiver_->Open(stream_).value();
  std::vector<std::string> sent;
  const auto send = [&](int count) {
    for (int i = 0; i < count; ++i) {
      sent.push_back(fmt::format("{:0172}", sent.size()));
      Send(port, sent.back());
    }
  };
  send(50);
  ASSERT_TRUE(WaitUntil([&] { return receiver_->datagrams_received() == 50; }, absl::Minutes(1)));
  receiver_->Leave();
  const int64_t before = absl::ToUnixNanos(SystemClock().Utc());
  send(250);
  const int64_t after = absl::ToUnixNanos(SystemClock().Utc());
  EXPECT_EQ(receiver_->datagrams_received(), 50u);
  receiver_.reset();
  Start();
  ASSERT_TRUE(receiver_->Reopen(stream_, port).ok());
  ASSERT_TRUE(receiver_->Listen(stream_).ok());
  send(50);
  ASSERT_TRUE(WaitUntil([&] { return receiver_->datagrams_received() == 300; }, absl::Minutes(1)));
  const std::vector<Spooled::One> kept = Read();
  ASSERT_EQ(kept.size(), sent.size());
  for (size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ(kept[i].bytes, sent[i]);
    if (i >= 50 && i < 300)
      EXPECT_THAT(kept[i].arrival_utc_ns, ::testing::AllOf(::testing::Ge(before), ::testing::Le(after)));
  }
  EXPECT_EQ(receiver_->kernel_dropped(), 0u);
}

TEST_F(KeptSocketsReceiverTest, AStreamThatEndsIsNoLongerKept) {
  const uint16_t port = receiver_->Open(stream_).value();
  store_.Deliver();
  EXPECT_EQ(store_.kept().size(), 2u);
  Restart();
  ASSERT_TRUE(receiver_->Reopen(stream_, port).ok());
  EXPECT_EQ(store_.Deliver(), 0);
  receiver_->Close(stream_);
  store_.Deliver();
  EXPECT_TRUE(store_.kept().empty());
}

// Sessions close their streams when they go, also in a process that leaves.
TEST_F(KeptSocketsReceiverTest, CloseAfterLeaveReadsNothingAndLeavesTheSocketsInTheStore) {
  const uint16_t port = receiver_->Open(stream_).value();
  receiver_->Leave();
  Send(port, "for the next one");
  receiver_->Close(stream_);
  receiver_.reset();
  EXPECT_TRUE(Read().empty());
  Start();
  ASSERT_TRUE(receiver_->Reopen(stream_, port).ok());
  ASSERT_TRUE(receiver_->Listen(stream_).ok());
  ASSERT_TRUE(WaitUntil([&] { return receiver_->Datagrams(stream_) == 1; }, absl::Minutes(1)));
  EXPECT_EQ(Read().at(0).bytes, "for the next one");
}

TEST_F(KeptSocketsReceiverTest, ANewStreamIsNeverGivenSocketsOfAnOldOne) {
  const uint16_t port = receiver_->Open(stream_).value();
  Restart();
  const uint16_t other = receiver_->Open(StreamId::Make(random_)).value();
  EXPECT_NE(other, port);
  EXPECT_TRUE(absl::IsResourceExhausted(receiver_->Open(StreamId::Make(random_)).status()));
  EXPECT_TRUE(receiver_->Reopen(stream_, port).ok());
}

TEST_F(KeptSocketsReceiverTest, SocketsThatNobodyClaimsAreClosedAndTheirPortIsFreeAgain) {
  const uint16_t port = receiver_->Open(stream_).value();
  Restart();
  EXPECT_EQ(kept_->CloseUnclaimed(), 1u);
  store_.Deliver();
  EXPECT_TRUE(store_.kept().empty());
  EXPECT_EQ(receiver_->Open(StreamId::Make(random_)).value(), port);
}

}  // namespace
}  // namespace turret::node
