#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "storage/key/intake.h"
#include "storage/ledger/checkpoint.h"
#include "tests/coordinator/ingest/connection.h"
#include "tests/coordinator/ingest/server_fixture.h"

namespace turret::coordinator {
namespace {

using test::Connection;
using test::FakeCall;
using test::FakeNode;
using ::testing::HasSubstr;

class ReplicationTest : public test::ServerFixture {
 protected:
  void Greet(Connection& connection, const FakeNode& node) {
    ASSERT_TRUE(connection.Hello(node.id()));
    ASSERT_TRUE(connection.Read().has_welcome());
  }
};

TEST_F(ReplicationTest, AWelcomeTellsWhatANodeNeedsAndItemsAreAcknowledgedWithASignedHead) {
  FakeNode node = MakeNode();
  Connection connection(ChannelAs("node-1"));
  ASSERT_TRUE(connection.Hello(node.id()));
  const v1::ReplicateResponse welcome = connection.Read();
  ASSERT_TRUE(welcome.has_welcome());
  EXPECT_EQ(welcome.welcome().ledger_id(), archive_->ledger().id().ToProto());
  EXPECT_GT(welcome.welcome().intake_keys_size(), 1);
  FakeCall call = node.NewCall();
  for (const auto& item : {node.Unit(call), node.Started(call), node.Segment(call), node.Ended(call)})
    ASSERT_TRUE(connection.Send(item));
  EXPECT_THAT(connection.ReadUntilAcknowledged(4), ::testing::IsEmpty());
  EXPECT_TRUE(ReadCheckpoint(connection.last_ack().checkpoint(), archive_->ledger().public_key()).ok());
  EXPECT_EQ(archive_->index().Placements(call.stream)->size(), 1u);
  EXPECT_TRUE(connection.Finish().ok());
}

TEST_F(ReplicationTest, WhatWasSentBeforeTheNodeClosedIsStillAcknowledged) {
  FakeNode node = MakeNode();
  Connection connection(ChannelAs("node-1"));
  Greet(connection, node);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(connection.Send(node.Presence()));
  const grpc::Status status = connection.Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(connection.last_ack().through_item(), 20u);
}

TEST_F(ReplicationTest, ARefusedItemIsToldAndTheNextOnesGoOn) {
  FakeNode node = MakeNode();
  FakeCall call = node.NewCall();
  Connection connection(ChannelAs("node-1"));
  Greet(connection, node);
  ASSERT_TRUE(connection.Send(node.Presence()));
  ASSERT_TRUE(connection.Send(node.Segment(call)));
  ASSERT_TRUE(connection.Send(node.Presence()));
  const auto others = connection.ReadUntilAcknowledged(3);
  ASSERT_EQ(others.size(), 1u);
  EXPECT_EQ(others[0].refusal().item(), 2u);
  EXPECT_EQ(others[0].refusal().reason(), v1::Refusal::UNKNOWN_UNIT);
}

TEST_F(ReplicationTest, ResumeIsAnsweredWithPositions) {
  FakeNode node = MakeNode();
  FakeCall call = node.NewCall();
  StoreAll(node, {node.Unit(call), node.Segment(call)});
  Connection connection(ChannelAs("node-1"));
  Greet(connection, node);
  v1::ReplicateRequest query;
  query.mutable_resume()->add_stream_ids(call.stream.ToProto());
  ASSERT_TRUE(connection.SendRaw(query));
  const v1::ReplicateResponse answer = connection.Read();
  ASSERT_EQ(answer.resume().positions_size(), 1);
  EXPECT_EQ(answer.resume().positions(0).segments(), 1u);
}

TEST_F(ReplicationTest, ANodeThatDoesNotListenIsReadNoFurtherAndGetsEveryAnswerInTheEnd) {
  constexpr int kQueries = 400;
  constexpr int kStreams = 1000;
  FakeNode node = MakeNode();
  Connection connection(ChannelAs("node-1"));
  Greet(connection, node);
  v1::ReplicateRequest query;
  for (int i = 0; i < kStreams; ++i)
    query.mutable_resume()->add_stream_ids(StreamId::Make(random_).ToProto());
  absl::Mutex mutex;
  int sent = 0;
  std::thread asks([&] {
    for (int i = 0; i < kQueries && connection.SendRaw(query); ++i) {
      absl::MutexLock lock(&mutex);
      ++sent;
    }
  });
  const auto many = [&sent] { return sent >= kQueries / 4; };
  mutex.LockWhen(absl::Condition(&many));
  mutex.Unlock();
  for (int i = 0; i < kQueries; ++i) ASSERT_EQ(connection.Read().resume().positions_size(), kStreams);
  asks.join();
}

TEST_F(ReplicationTest, ANewEnrolmentIsToldToNodesThatAreConnected) {
  FakeNode node = MakeNode();
  Connection connection(ChannelAs("node-1"));
  Greet(connection, node);
  v1::EnrolmentChanged document;
  document.add_lines()->set_name("LDN-1");
  document.set_orphan_storage_class("mifid");
  ASSERT_TRUE(archive_->Enrol(document).ok());
  const v1::ReplicateResponse again = connection.Read();
  ASSERT_TRUE(again.has_welcome());
  EXPECT_EQ(again.welcome().enrolment().lines(0).name(), "LDN-1");
}

TEST_F(ReplicationTest, ANodeKeyIsOpenedForTheNodeAloneThatSealedIt) {
  const SecretKey key = SecretKey::Make(random_);
  const v1::IntakeKey intake = archive_->MakeWelcome()->intake_keys(0);
  const NodeId node = NodeId::Make(random_);
  const auto ask = [&](const std::string& as, const v1::SealedNodeKey& sealed, v1::NodeKey& opened) {
    grpc::ClientContext context;
    return v1::Replication::NewStub(ChannelAs(as))->OpenNodeKey(&context, sealed, &opened).error_code();
  };
  v1::SealedNodeKey sealed = *SealNodeKey(node, "node-1", key, intake, random_);
  v1::NodeKey opened;
  EXPECT_EQ(ask("node-1", sealed, opened), grpc::StatusCode::OK);
  EXPECT_EQ(opened.key(), ToString(key.bytes()));
  v1::NodeKey none;
  EXPECT_EQ(ask("ada", sealed, none), grpc::StatusCode::PERMISSION_DENIED);
  const v1::SealedNodeKey other = *SealNodeKey(node, "node-2", key, intake, random_);
  EXPECT_EQ(ask("node-1", other, none), grpc::StatusCode::PERMISSION_DENIED);
  v1::SealedNodeKey renamed = other;
  renamed.set_common_name("node-1");
  EXPECT_EQ(ask("node-1", renamed, none), grpc::StatusCode::DATA_LOSS);
  sealed.set_intake_key_id("0123456789abcdef");
  EXPECT_EQ(ask("node-1", sealed, none), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(none.key(), "");
  const auto bodies = Bodies(v1::RESTRICTED);
  ASSERT_EQ(bodies.size(), 3u);
  EXPECT_EQ(bodies[0].accessed().action(), v1::Accessed::NODE_KEY_OPENED);
  EXPECT_EQ(bodies[0].accessed().who(), "node-1");
  EXPECT_EQ(bodies[0].accessed().detail(), node.ToHex());
}

TEST_F(ReplicationTest, OnlyANodeMayReplicateAndARefusalIsInTheLedgerOnce) {
  for (int i = 0; i < 3; ++i) {
    Connection connection(ChannelAs("ada"));
    const grpc::Status status = connection.Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
    EXPECT_THAT(status.error_message(), HasSubstr("role (OU) node"));
  }
  const auto refused = Bodies(v1::RESTRICTED);
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_EQ(refused[0].access_refused().who(), "ada");
  clock_.Advance(absl::Minutes(2));
  EXPECT_FALSE(Connection(ChannelAs("ada")).Finish().ok());
  EXPECT_EQ(Bodies(v1::RESTRICTED).size(), 2u);
}

TEST_F(ReplicationTest, WhatBreaksTheProtocolEndsTheConnectionWithAClearError) {
  FakeNode node = MakeNode();
  {
    Connection connection(ChannelAs("node-1"));
    ASSERT_TRUE(connection.Send(node.Presence()));
    const grpc::Status status = connection.Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr("hello must come first"));
  }
  {
    Connection connection(ChannelAs("node-1"));
    Greet(connection, node);
    v1::ReplicateRequest skipped = node.Presence();
    skipped.set_item(5);
    ASSERT_TRUE(connection.SendRaw(skipped));
    const grpc::Status status = connection.Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr("item 5 came after item 0"));
  }
  {
    Connection connection(ChannelAs("node-1"));
    Greet(connection, node);
    v1::ReplicateRequest oversized;
    oversized.set_item(1);
    oversized.mutable_segment()->set_sealed(std::string(kReplicationMessageBytesMax + 1, 'x'));
    connection.SendRaw(oversized);
    EXPECT_EQ(connection.Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
}

TEST_F(ReplicationTest, WhenStorageFailsNothingIsAcknowledgedAndTheNodeSendsAgain) {
  FakeNode node = MakeNode();
  FakeCall call = node.NewCall();
  Connection connection(ChannelAs("node-1"));
  Greet(connection, node);
  environment_.Break(test::FaultyEnvironment::Operation::kSync);
  ASSERT_TRUE(connection.Send(node.Unit(call)));
  const grpc::Status status = connection.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(connection.last_ack().through_item(), 0u);
  EXPECT_FALSE(archive_->health().ok());
  environment_.Repair();
}

TEST_F(ReplicationTest, ManyNodesAtOnceAreEachAcknowledged) {
  constexpr int kNodes = 6;
  constexpr uint64_t kItems = 40;
  std::vector<std::thread> threads;
  for (int i = 0; i < kNodes; ++i)
    threads.emplace_back([this] {
      FakeNode node = MakeNode();
      FakeCall call = node.NewCall();
      Connection connection(ChannelAs("node-1"));
      Greet(connection, node);
      EXPECT_TRUE(connection.Send(node.Unit(call)));
      for (uint64_t item = 2; item <= kItems; ++item) EXPECT_TRUE(connection.Send(node.Segment(call)));
      EXPECT_THAT(connection.ReadUntilAcknowledged(kItems), ::testing::IsEmpty());
      EXPECT_EQ(archive_->index().Placements(call.stream)->size(), kItems - 1);
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace turret::coordinator
