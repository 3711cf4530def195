#include "node/receive/receiver.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <thread>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/receive/byte_budget.h"
#include "node/receive/media_socket.h"
#include "node/receive/receive_batch.h"
#include "tests/support/support.h"

namespace turret::node {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Le;
using ::testing::SizeIs;

/// An address of 127.0.0.0/8 that no other process of this machine uses: so test processes that run side by
/// side share no ports.
std::string AddressOfThisProcess() {
  const auto pid = static_cast<uint32_t>(getpid());  // Of at most 22 bits.
  return fmt::format("127.{}.{}.{}", 64 + ((pid >> 16) & 0x3F), (pid >> 8) & 0xFF, pid & 0xFF);
}

// A source on loopback, IPv4 or IPv6.
class Sender {
 public:
  explicit Sender(int family = AF_INET)
      : family_(family), fd_(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
  ~Sender() { close(fd_); }
  void Send(uint16_t port, const std::string& bytes) {
    sockaddr_in v4{.sin_family = AF_INET,
                   .sin_port = htons(port),
                   .sin_addr = {inet_addr(AddressOfThisProcess().c_str())}};
    sockaddr_in6 v6{.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const auto* const to =
        family_ == AF_INET ? reinterpret_cast<sockaddr*>(&v4) : reinterpret_cast<sockaddr*>(&v6);
    ASSERT_EQ(sendto(fd_, bytes.data(), bytes.size(), 0, to, family_ == AF_INET ? sizeof v4 : sizeof v6),
              static_cast<ssize_t>(bytes.size()));
  }
  uint16_t port() const {
    sockaddr_storage own{};
    socklen_t length = sizeof own;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &length);
    return ntohs(reinterpret_cast<sockaddr_in*>(&own)->sin_port);
  }

 private:
  const int family_;
  const int fd_;
};

class Spooled final : public RecordVisitor {
 public:
  struct One {
    std::string bytes;
    int64_t arrival_utc_ns;
    SourceAddress source;
  };
  void OnDatagram(uint64_t, const Datagram& datagram) override {
    streams[datagram.stream].push_back({ToString(datagram.bytes), datagram.arrival_utc_ns, datagram.source});
  }
  void OnUnitKey(uint64_t, UnitKeyRecord) override {}
  void OnFact(uint64_t, v1::Fact) override {}
  std::map<StreamId, std::vector<One>> streams;
};

class ReceiverTest : public ::testing::Test {
 protected:
  // The kernel takes times while some socket wants them: it must not stop and start between two tests, and
  // begins some time after it was asked to.
  static void SetUpTestSuite() {
    times_on_ = new MediaSocket(
        *MediaSocket::Bind(*BindAddress::Parse(AddressOfThisProcess()), /*port=*/0, /*buffer_bytes=*/65536));
    sockaddr_in own{};
    socklen_t length = sizeof own;
    getsockname(times_on_->fd(), reinterpret_cast<sockaddr*>(&own), &length);
    Sender sender;
    ReceiveBatch batch;
    ASSERT_TRUE(WaitUntil([&] {
      sender.Send(ntohs(own.sin_port), "is its time taken when it comes, or when it is read?");
      const int64_t sent = absl::ToUnixNanos(SystemClock().Utc());
      batch.Clear();
      batch.ReceiveFrom(times_on_->fd(), StreamId{}, /*fallback_utc_ns=*/sent + 1);
      return !batch.datagrams().empty() && batch.datagrams().back().arrival_utc_ns <= sent;
    }));
  }
  static void TearDownTestSuite() { delete times_on_; }
  void Create() {
    options_.clock = &clock_;
    if (spool_ == nullptr) {
      auto opened =
          Spool::Open({.directory = folder_ / "spool", .bytes_max = bytes_max_, .extent_bytes = 1 << 20},
                      environment_, SecretKey::Make(random_), clock_, random_);
      ASSERT_TRUE(opened.ok()) << opened.status();
      spool_ = *std::move(opened);
    }
    auto created = Receiver::Create(options_, *spool_, metrics_);
    ASSERT_TRUE(created.ok()) << created.status();
    receiver_ = *std::move(created);
  }

  template <class Condition>
  static bool WaitUntil(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

  Spooled Read() {
    Spooled spooled;
    EXPECT_TRUE(spool_->Commit().ok());
    for (uint64_t position = 0;;) {
      const auto block = spool_->Read(position, absl::ZeroDuration()).value();
      if (block == nullptr) return spooled;
      EXPECT_TRUE(block->Visit(spooled).ok());
      position = block->end_position();
    }
  }
  std::vector<std::string> TextsOf(StreamId stream) {
    std::vector<std::string> texts;
    Spooled spooled = Read();
    for (const auto& one : spooled.streams[stream]) texts.push_back(one.bytes);
    return texts;
  }

  static inline MediaSocket* times_on_ = nullptr;
  test::TemporaryFolder folder_;
  PosixEnvironment environment_;
  test::ManualClock clock_;
  test::SeededRandom random_{test::Seed(3)};
  uint64_t bytes_max_ = uint64_t{1} << 30;
  std::unique_ptr<Spool> spool_;
  NodeMetrics metrics_;
  ReceiverOptions options_{.bind_address = AddressOfThisProcess(),
                           .port_min = 24000,
                           .port_max = 24999,
                           .round = absl::Milliseconds(1)};
  std::unique_ptr<Receiver> receiver_;
  Sender sender_;
};

TEST_F(ReceiverTest, EachDatagramGoesToTheSpoolAsItCameWithItsStreamSourceAndTheKernelsTime) {
  Create();
  const StreamId a = StreamId::Make(random_);
  const StreamId b = StreamId::Make(random_);
  const uint16_t port_a = receiver_->Open(a).value();
  const uint16_t port_b = receiver_->Open(b).value();
  EXPECT_EQ(port_a % 2, 0);
  EXPECT_NE(port_a, port_b);
  const int64_t before = absl::ToUnixNanos(SystemClock().Utc());
  for (int i = 0; i < 100; ++i) {
    sender_.Send(port_a, "a" + std::to_string(i));
    sender_.Send(port_b, "b" + std::to_string(i));
  }
  ASSERT_TRUE(WaitUntil([&] { return receiver_->datagrams_received() == 200; }));
  const int64_t after = absl::ToUnixNanos(SystemClock().Utc());
  Spooled spooled = Read();
  ASSERT_THAT(spooled.streams[a], SizeIs(100));
  ASSERT_THAT(spooled.streams[b], SizeIs(100));
  const SourceAddress source{.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127, 0, 0, 1},
                             .port = sender_.port()};
  for (size_t i = 0; i < 100; ++i) {
    EXPECT_EQ(spooled.streams[a][i].bytes, "a" + std::to_string(i));
    EXPECT_EQ(spooled.streams[b][i].bytes, "b" + std::to_string(i));
    EXPECT_EQ(spooled.streams[a][i].source, source);
    EXPECT_THAT(spooled.streams[a][i].arrival_utc_ns, AllOf(Ge(before), Le(after)));
  }
  EXPECT_EQ(receiver_->datagrams_dropped(), 0u);
}

TEST_F(ReceiverTest, AnyLengthOfDatagramIsKeptWhole) {
  Create();
  const StreamId stream = StreamId::Make(random_);
  const uint16_t port = receiver_->Open(stream).value();
  const std::vector<std::string> sent{"", std::string(1, 'x'), std::string(2049, 'y'),
                                      std::string(65'507, 'z')};
  for (const std::string& bytes : sent) sender_.Send(port, bytes);
  ASSERT_TRUE(WaitUntil([&] { return receiver_->datagrams_received() == sent.size(); }));
  EXPECT_EQ(TextsOf(stream), sent);
}

// The spool is all lines': what floods one port stays in its own socket.
TEST_F(ReceiverTest, AFloodedPortIsReadNoFasterThanItsBudgetAndTheOthersAreWhole) {
  Create();
  const StreamId flooded = StreamId::Make(random_);
  const StreamId quiet = StreamId::Make(random_);
  const uint16_t flooded_port = receiver_->Open(flooded).value();
  const uint16_t quiet_port = receiver_->Open(quiet).value();
  const std::string big(65'000, 'x');
  const uint64_t enough = kPortBurstBytes / big.size() + 1;
  for (uint64_t sent = 1; sent <= enough; ++sent) {
    sender_.Send(flooded_port, big);
    ASSERT_TRUE(WaitUntil([&] { return receiver_->datagrams_received() == sent; }));
  }
  sender_.Send(flooded_port, "too much");
  for (uint64_t sent = 1; sent <= 100; ++sent) {  // A round for each at least.
    sender_.Send(quiet_port, "heard");
    ASSERT_TRUE(WaitUntil([&] { return receiver_->datagrams_received() == enough + sent; }));
  }
  EXPECT_THAT(TextsOf(quiet), SizeIs(100));
  EXPECT_THAT(TextsOf(flooded), SizeIs(enough));
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(WaitUntil([&] { return receiver_->datagrams_received() == enough + 101; }));
  EXPECT_EQ(TextsOf(flooded).back(), "too much");
}

TEST_F(ReceiverTest, CloseReadsWhatIsInTheSocketAndNothingComesAfter) {
  options_.round = absl::Hours(1);  // Nothing but Close reads.
  Create();
  const StreamId stream = StreamId::Make(random_);
  const uint16_t port = receiver_->Open(stream).value();
  for (int i = 0; i < 600; ++i) sender_.Send(port, std::to_string(i));
  receiver_->Close(stream);
  EXPECT_EQ(receiver_->datagrams_received(), 600u);
  sender_.Send(port, "late");
  receiver_.reset();
  EXPECT_THAT(TextsOf(stream), SizeIs(600));
}

TEST_F(ReceiverTest, WhatComesToAHeldPortWaitsAndKeepsTheTimeOfItsArrival) {
  Create();
  const StreamId held = StreamId::Make(random_);
  const StreamId open = StreamId::Make(random_);
  const uint16_t port = receiver_->Hold(held).value();
  const uint16_t other = receiver_->Open(open).value();
  sender_.Send(other, "heard");
  ASSERT_TRUE(WaitUntil([&] { return receiver_->datagrams_received() == 1; }));
  sender_.Send(port, "early");
  const int64_t before_listening = absl::ToUnixNanos(SystemClock().Utc());
  ASSERT_TRUE(receiver_->Listen(held).ok());
  ASSERT_TRUE(WaitUntil([&] { return receiver_->datagrams_received() == 2; }));
  Spooled spooled = Read();
  ASSERT_THAT(spooled.streams[held], SizeIs(1));
  EXPECT_EQ(spooled.streams[held][0].bytes, "early");
  EXPECT_LE(spooled.streams[held][0].arrival_utc_ns, before_listening);
  EXPECT_TRUE(absl::IsNotFound(receiver_->Listen(StreamId::Make(random_))));
}

TEST_F(ReceiverTest, AFreedPortRestsFor60Seconds) {
  options_.port_max = options_.port_min + 3;
  Create();
  const StreamId a = StreamId::Make(random_);
  const StreamId b = StreamId::Make(random_);
  const StreamId c = StreamId::Make(random_);
  const uint16_t port = receiver_->Open(a).value();
  ASSERT_TRUE(receiver_->Open(b).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(receiver_->Open(c).status()));
  receiver_->Close(a);
  clock_.Advance(absl::Seconds(59));
  EXPECT_TRUE(absl::IsResourceExhausted(receiver_->Open(c).status()));
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(receiver_->Open(c).value(), port);
}

TEST_F(ReceiverTest, APortThatAnEarlierProcessFreedRestsForWhatIsLeft) {
  options_.port_max = options_.port_min + 3;
  Create();
  receiver_->Rest(options_.port_min, absl::Seconds(20));
  receiver_->Rest(static_cast<uint16_t>(options_.port_min + 2), absl::Seconds(50));
  clock_.Advance(absl::Seconds(9));
  EXPECT_TRUE(absl::IsResourceExhausted(receiver_->Open(StreamId::Make(random_)).status()));
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(receiver_->Open(StreamId::Make(random_)).value(), options_.port_min + 2);
  EXPECT_TRUE(absl::IsResourceExhausted(receiver_->Open(StreamId::Make(random_)).status()));
  clock_.Advance(absl::Seconds(30));
  EXPECT_EQ(receiver_->Open(StreamId::Make(random_)).value(), options_.port_min);
}

TEST_F(ReceiverTest, APortOfSomebodyElseIsPassedOver) {
  Create();
  const uint16_t taken = receiver_->Open(StreamId::Make(random_)).value();
  const std::unique_ptr<Receiver> first = std::move(receiver_);
  Create();
  EXPECT_NE(receiver_->Open(StreamId::Make(random_)).value(), taken);
}

TEST_F(ReceiverTest, RtcpIsReadAndCountedApart) {
  Create();
  const StreamId stream = StreamId::Make(random_);
  const uint16_t port = receiver_->Open(stream).value();
  sender_.Send(static_cast<uint16_t>(port + 1), "a report");
  sender_.Send(port, "a packet");
  ASSERT_TRUE(
      WaitUntil([&] { return receiver_->rtcp_received() == 1 && receiver_->datagrams_received() == 1; }));
  EXPECT_THAT(TextsOf(stream), ElementsAre("a packet"));
}

TEST_F(ReceiverTest, ReceivesOverIpv6) {
  options_.bind_address = "::1";
  Create();
  const StreamId stream = StreamId::Make(random_);
  const uint16_t port = receiver_->Open(stream).value();
  Sender sender(AF_INET6);
  sender.Send(port, "six");
  ASSERT_TRUE(WaitUntil([&] { return receiver_->datagrams_received() == 1; }));
  Spooled spooled = Read();
  const SourceAddress source{.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
                             .port = sender.port()};
  EXPECT_EQ(spooled.streams[stream].at(0).source, source);
}

// C24: received = recorded + dropped by reason, also when the spool is full.
TEST_F(ReceiverTest, WhatAFullSpoolRefusesIsCountedAsDropped) {
  bytes_max_ = 64 * 1024;
  Create();
  const StreamId stream = StreamId::Make(random_);
  const uint16_t port = receiver_->Open(stream).value();
  for (uint64_t sent = 1; sent <= 200; ++sent) {
    sender_.Send(port, std::string(1000, 'x'));
    ASSERT_TRUE(WaitUntil([&] { return receiver_->datagrams_received() == sent; }));
  }
  receiver_.reset();
  Create();
  EXPECT_EQ(receiver_->datagrams_received(), 0u);
  EXPECT_THAT(TextsOf(stream), SizeIs(AllOf(Ge(50u), Le(64u))));
}

TEST_F(ReceiverTest, DropsOfTheKernelAreCountedAndNotAsReceived) {
  options_.round = absl::Hours(1);
  options_.socket_buffer_bytes = 4096;
  Create();
  const StreamId stream = StreamId::Make(random_);
  const uint16_t port = receiver_->Open(stream).value();
  for (int i = 0; i < 100; ++i) sender_.Send(port, std::string(160, 'x'));
  receiver_->Close(stream);
  const uint64_t received = receiver_->datagrams_received();
  EXPECT_LT(received, 100u);
  // The counter stands in the datagrams that follow a drop: a socket that was full when it closed tells
  // nothing.
  EXPECT_EQ(receiver_->kernel_dropped(), 0u);

  const StreamId other = StreamId::Make(random_);
  options_.round = absl::Milliseconds(1);
  Create();
  const uint16_t other_port = receiver_->Open(other).value();
  uint64_t sent = 0;
  ASSERT_TRUE(WaitUntil([&] {
    for (int i = 0; i < 100; ++i, ++sent) sender_.Send(other_port, std::string(160, 'x'));
    return receiver_->kernel_dropped() > 0;
  }));
  EXPECT_LT(receiver_->datagrams_received(), sent);
}

// R11: after a restart a stream's packets come in again, on the port that the source knows.
TEST_F(ReceiverTest, AStreamComesBackOnThePortItHad) {
  options_.port_max = options_.port_min + 3;
  Create();
  const StreamId stream = StreamId::Make(random_);
  const uint16_t port = receiver_->Open(stream).value();
  receiver_.reset();
  Create();
  ASSERT_TRUE(receiver_->Reopen(stream, port).ok());
  sender_.Send(port, "before");
  EXPECT_EQ(receiver_->Datagrams(stream), 0u);
  ASSERT_TRUE(receiver_->Listen(stream).ok());
  sender_.Send(port, "after");
  ASSERT_TRUE(WaitUntil([&] { return receiver_->Datagrams(stream) == 2; }));
  EXPECT_THAT(TextsOf(stream), ElementsAre("before", "after"));
  EXPECT_NE(receiver_->Open(StreamId::Make(random_)).value(), port);
  EXPECT_FALSE(receiver_->Open(StreamId::Make(random_)).ok());
  receiver_->Close(stream);
  EXPECT_FALSE(receiver_->Open(StreamId::Make(random_)).ok());  // It rests.
}

TEST_F(ReceiverTest, APortOfSomebodyElseIsReopenedWhenItIsFree) {
  Create();
  const StreamId stream = StreamId::Make(random_);
  const uint16_t port = receiver_->Open(stream).value();
  const StreamId other = StreamId::Make(random_);
  EXPECT_TRUE(absl::IsAlreadyExists(receiver_->Reopen(other, port)));
  EXPECT_TRUE(absl::IsAlreadyExists(receiver_->Reopen(stream, port)));
  receiver_->Close(stream);
  EXPECT_TRUE(receiver_->Reopen(other, port).ok());
}

TEST_F(ReceiverTest, AnAddressOrRangeThatIsNoneIsRefused) {
  Create();
  options_.bind_address = "localhost";
  EXPECT_TRUE(absl::IsInvalidArgument(Receiver::Create(options_, *spool_, metrics_).status()));
  options_.bind_address = "127.0.0.1";
  options_.port_max = options_.port_min;
  EXPECT_TRUE(absl::IsInvalidArgument(Receiver::Create(options_, *spool_, metrics_).status()));
}

}  // namespace
}  // namespace turret::node
