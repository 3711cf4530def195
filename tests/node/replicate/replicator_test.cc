#include "node/replicate/replicator.h"

#include <atomic>
#include <random>
#include <thread>

#include "gtest/gtest.h"
#include "storage/segment/segment.h"
#include "tests/node/replicate/fake_archive.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

namespace turret::node {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);

class ReplicatorTest : public testing::Test {
 protected:
  void MakeReplicator(uint64_t queue_bytes_max = uint64_t{64} << 20) {
    auto made = Replicator::Create(
        {.coordinator_address = archive_.address(),
         .node = NodeId::Make(random_),
         .run = RunId::Make(random_),
         .queue_bytes_max = queue_bytes_max,
         .reconnect_min = absl::Milliseconds(5),
         .reconnect_max = absl::Milliseconds(20)},
        grpc::InsecureChannelCredentials(), metrics_, clock_, [this](const v1::Welcome&) {
          ++welcomes_;
          return refuse_welcomes_ ? absl::FailedPreconditionError("another ledger") : absl::OkStatus();
        });
    ASSERT_TRUE(made.ok()) << made.status();
    replicator_ = *std::move(made);
    replicator_->Start();
  }
  Item MakeFact(uint64_t number) {
    v1::Fact fact;
    fact.set_fact_id(FactId::Make(random_).ToProto());
    fact.set_utc_ns(static_cast<int64_t>(number));
    return {
        .what = std::move(fact), .spool_position = number, .made_utc_ns = absl::ToUnixNanos(clock_.Utc())};
  }
  Item MakeSegment(uint64_t sequence, uint64_t position) {
    SegmentNames names{.stream = stream_, .sequence = sequence, .storage_class = "mifid"};
    if (sequence > 0) names.predecessor = {1};
    Buffer sealed = *SealSegment(names, key_, Buffer(1'000), random_);
    return {.what = SealedSegment{stream_, sequence, std::move(sealed)},
            .spool_position = position,
            .made_utc_ns = absl::ToUnixNanos(clock_.Utc())};
  }
  static std::string BodyOf(const Item& item) {
    v1::ReplicateRequest request;
    if (const auto* fact = std::get_if<v1::Fact>(&item.what)) *request.mutable_fact() = *fact;
    if (const auto* segment = std::get_if<SealedSegment>(&item.what))
      request.mutable_segment()->set_sealed(segment->sealed.data(), segment->sealed.size());
    return request.SerializeAsString();
  }
  /// Pushes facts and segments in turn; returns what the archive must hold, in order.
  std::vector<std::string> PushMany(size_t count) {
    std::vector<std::string> bodies;
    for (size_t i = 0; i < count; ++i) {
      Item item = i % 3 == 0 ? MakeSegment(i / 3, i) : MakeFact(i);
      bodies.push_back(BodyOf(item));
      EXPECT_TRUE(replicator_->Push(std::move(item)));
    }
    return bodies;
  }

  test::SeededRandom random_{test::Seed(31)};
  SystemClock clock_;
  NodeMetrics metrics_;
  FakeArchive archive_;
  StreamId stream_ = StreamId::Make(random_);
  SecretKey key_ = SecretKey::Make(random_);
  std::atomic<int> welcomes_ = 0;
  std::atomic<bool> refuse_welcomes_ = false;
  std::unique_ptr<Replicator> replicator_;
};

TEST_F(ReplicatorTest, EverythingArrivesInOrderAndIsLetGoOnceAcknowledged) {
  archive_.group = 1;
  archive_.Listen();
  MakeReplicator();
  const std::vector<std::string> bodies = PushMany(100);
  replicator_->Stop(kPatience);
  EXPECT_EQ(archive_.stored(), bodies);
  EXPECT_EQ(archive_.received(), 100U);
  EXPECT_EQ(replicator_->OldestNeeded(), UINT64_MAX);
  EXPECT_EQ(replicator_->LastCheckpoint(), "turret/test\n100\nroot\n");
  ASSERT_EQ(archive_.hellos().size(), 1U);
  EXPECT_EQ(archive_.hellos()[0].node_id().size(), kIdBytes);
  EXPECT_EQ(welcomes_, 1);
}

TEST_F(ReplicatorTest, ConnectionsThatBreakAnywhereLoseNothing) {  // Never-break rule 1.
  const uint64_t seed = test::Seed(32);
  SCOPED_TRACE(test::SeedTrace(seed));
  std::mt19937_64 random(seed);
  archive_.group = 1;
  for (int i = 0; i < 10; ++i) archive_.breaks.insert(random() % 200);
  for (const bool before : {true, false}) {
    archive_.breaks_before_ack = before;
    archive_.Listen();
    MakeReplicator();
    const size_t known = archive_.stored().size();
    const std::vector<std::string> bodies = PushMany(200);
    replicator_->Stop(kPatience);
    std::vector<std::string> stored = archive_.stored();
    stored.erase(stored.begin(), stored.begin() + static_cast<std::ptrdiff_t>(known));
    EXPECT_EQ(stored, bodies);
    EXPECT_EQ(replicator_->OldestNeeded(), UINT64_MAX);
    archive_.Shutdown();
  }
  EXPECT_GE(archive_.connections(), 10);
}

TEST_F(ReplicatorTest, AnArchiveThatComesLaterGetsIt) {
  archive_.group = 1;
  archive_.Listen();  // To know its port.
  archive_.Shutdown();
  MakeReplicator();
  const std::vector<std::string> bodies = PushMany(20);
  archive_.Listen();
  replicator_->Stop(kPatience);
  EXPECT_EQ(archive_.stored(), bodies);
}

// What another archive acknowledged would be trimmed here, and be lost to ours. Never-break rule 1.
TEST_F(ReplicatorTest, AnotherArchiveGetsNothingAndOursGetsItAllLater) {
  archive_.group = 1;
  refuse_welcomes_ = true;
  archive_.Listen();
  MakeReplicator();
  const std::vector<std::string> bodies = PushMany(20);
  ASSERT_TRUE(test::WaitUntil([&] { return welcomes_ >= 3; }, kPatience));
  EXPECT_EQ(archive_.received(), 0U);
  EXPECT_EQ(replicator_->OldestNeeded(), 0U);
  refuse_welcomes_ = false;
  replicator_->Stop(kPatience);
  EXPECT_EQ(archive_.stored(), bodies);
}

TEST_F(ReplicatorTest, WhatWasSentAndNotAcknowledgedStaysNeeded) {
  archive_.acknowledges = false;
  archive_.Listen();
  MakeReplicator();
  PushMany(10);
  EXPECT_TRUE(archive_.WaitForReceived(10, kPatience));
  EXPECT_EQ(replicator_->OldestNeeded(), 0U);
  replicator_->Stop(absl::ZeroDuration());
  EXPECT_EQ(replicator_->OldestNeeded(), 0U);
  EXPECT_FALSE(replicator_->Push(MakeFact(11)));
}

TEST_F(ReplicatorTest, AfterABreakItAsksWhatIsHeldAndGoesOn) {
  archive_.group = 1;
  archive_.breaks = {4};
  archive_.Listen();
  MakeReplicator();
  v1::StreamPosition other;  // Another hash than ours: an alarm, and the archive's own answer decides.
  other.set_stream_id(stream_.ToProto());
  other.set_segments(1);
  other.set_last_segment_hash(std::string(32, 'x'));
  archive_.SetPosition(other);
  const std::vector<std::string> bodies = PushMany(12);
  replicator_->Stop(kPatience);
  EXPECT_GE(archive_.resume_queries(), 1U);
  EXPECT_EQ(archive_.stored(), bodies);
}

TEST_F(ReplicatorTest, ARefusedItemIsFinalAndHoldsNothingUp) {
  archive_.group = 1;
  archive_.refused_segments = {1};
  archive_.Listen();
  MakeReplicator();
  std::vector<std::string> bodies = PushMany(9);
  bodies.erase(bodies.begin() + 3);
  replicator_->Stop(kPatience);
  EXPECT_EQ(archive_.stored(), bodies);
  EXPECT_EQ(replicator_->OldestNeeded(), UINT64_MAX);
}

TEST_F(ReplicatorTest, AFullQueueWaitsAndStopLetsItGo) {
  archive_.acknowledges = false;
  archive_.Listen();
  MakeReplicator(/*queue_bytes_max=*/4'000);
  std::atomic<int> pushed = 0;
  std::thread pipeline([&] {
    while (replicator_->Push(MakeSegment(0, 1))) ++pushed;
  });
  EXPECT_TRUE(archive_.WaitForReceived(3, kPatience));
  replicator_->Stop(absl::ZeroDuration());
  pipeline.join();
  EXPECT_LE(pushed, 5);
}

TEST_F(ReplicatorTest, StopReturnsWhateverTheOtherEndDoes) {
  archive_.says_welcome = false;
  archive_.Listen();
  MakeReplicator();
  PushMany(3);
  replicator_->Stop(absl::Milliseconds(10));
  archive_.Shutdown();
  MakeReplicator();  // Nobody listens.
  PushMany(3);
  replicator_->Stop(absl::Milliseconds(10));
  MakeReplicator();
  replicator_.reset();
}

}  // namespace
}  // namespace turret::node
