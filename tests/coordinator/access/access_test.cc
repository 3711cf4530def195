// Who may ask what, over real mutual TLS: IT operates and hears nothing, compliance hears, nodes ask nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/access/access_service.h"
#include "tests/coordinator/ingest/server_fixture.h"
#include "turret/v1/access.grpc.pb.h"

namespace turret::coordinator {
namespace {

using test::FakeCall;
using test::FakeNode;
using ::testing::HasSubstr;

TEST(Roles, ComplianceHasEveryRightItOverseesAndOthersHaveNone) {
  const auto check = [](const std::string& role, Right right) {
    return CheckRight({.common_name = "x", .role = role, .certificate_digest = ""}, right);
  };
  EXPECT_TRUE(check("compliance", Right::kListen).ok());
  EXPECT_TRUE(check("compliance", Right::kOversee).ok());
  EXPECT_TRUE(check("it", Right::kOversee).ok());
  EXPECT_THAT(std::string(check("it", Right::kListen).message()), HasSubstr("\"compliance\""));
  for (const std::string role : {"node", "coordinator", "", "Compliance"})
    for (const Right right : {Right::kListen, Right::kOversee})
      EXPECT_EQ(check(role, right).code(), absl::StatusCode::kPermissionDenied) << role;
}

class AccessTest : public test::ServerFixture {
 protected:
  void Register(grpc::ServerBuilder& builder) override {
    access_ = std::make_unique<AccessService>(*archive_, *refusals_, metrics_, folder_ / "scratch");
    builder.RegisterService(access_.get());
  }
  void TearDown() override {
    StopServer();
    access_.reset();
  }
  std::unique_ptr<v1::Access::Stub> As(const std::string& name) {
    return v1::Access::NewStub(ChannelAs(name));
  }

  grpc::Status Find(v1::Access::Stub& stub, const v1::FindCallsRequest& request,
                    std::vector<v1::CallSummary>& found) {
    grpc::ClientContext context;
    const auto reader = stub.FindCalls(&context, request);
    for (v1::CallSummary call; reader->Read(&call);) found.push_back(call);
    return reader->Finish();
  }
  grpc::Status Play(v1::Access::Stub& stub, const v1::PlayRequest& request,
                    std::vector<v1::PlayChunk>& chunks) {
    grpc::ClientContext context;
    const auto reader = stub.Play(&context, request);
    for (v1::PlayChunk chunk; reader->Read(&chunk);) chunks.push_back(chunk);
    return reader->Finish();
  }
  grpc::Status Export(v1::Access::Stub& stub, const v1::ExportRequest& request) {
    grpc::ClientContext context;
    const auto reader = stub.Export(&context, request);
    for (v1::ExportChunk chunk; reader->Read(&chunk);) {
    }
    return reader->Finish();
  }
  grpc::Status Head(v1::Access::Stub& stub, v1::TreeHead& head) {
    grpc::ClientContext context;
    return stub.GetTreeHead(&context, {}, &head);
  }
  FakeCall StoreCall() {
    FakeNode node = MakeNode();
    FakeCall call = node.NewCall();
    StoreAll(node, {node.Unit(call), node.Started(call), node.StreamOpened(call), node.Segment(call),
                    node.Ended(call)});
    return call;
  }

  std::unique_ptr<AccessService> access_;
};

// Never-break rule 6 and A10: the refusal says which role is needed, and stands in the ledger.
TEST_F(AccessTest, ItHearsNothingAndTheRefusalIsRecorded) {
  const FakeCall call = StoreCall();
  const auto ops = As("ops");
  std::vector<v1::CallSummary> found;
  std::vector<v1::PlayChunk> chunks;
  v1::PlayRequest play;
  play.set_call_id(call.call.ToProto());
  play.set_reason("curiosity");
  const grpc::Status refused = Play(*ops, play, chunks);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(refused.error_message(), HasSubstr("\"compliance\""));
  EXPECT_EQ(Find(*ops, {}, found).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Export(*ops, {}).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(chunks.empty() && found.empty());
  const auto bodies = Bodies(v1::RESTRICTED);
  ASSERT_EQ(bodies.size(), 3u);
  EXPECT_EQ(bodies[0].access_refused().who(), "ops");
  EXPECT_EQ(bodies[0].access_refused().method(), "Play");
  EXPECT_EQ(bodies[0].access_refused().certificate_digest().size(), 64u);
}

TEST_F(AccessTest, ItSeesHeadsLinesAndIndexChecks) {
  StoreCall();
  v1::EnrolmentChanged document;
  document.add_lines()->set_name("LDN-1");
  ASSERT_TRUE(archive_->Enrol(document).ok());
  const auto ops = As("ops");
  v1::TreeHead head;
  ASSERT_TRUE(Head(*ops, head).ok());
  EXPECT_EQ(head.size(), archive_->ledger().Head().size());
  grpc::ClientContext lines_context;
  const auto lines = ops->ListLines(&lines_context, {});
  v1::Line line;
  EXPECT_TRUE(lines->Read(&line));
  EXPECT_EQ(line.name(), "LDN-1");
  EXPECT_FALSE(lines->Read(&line));
  EXPECT_TRUE(lines->Finish().ok());
  grpc::ClientContext check_context;
  v1::CheckIndexReport report;
  const grpc::Status checked = ops->CheckIndex(&check_context, {}, &report);
  ASSERT_TRUE(checked.ok()) << checked.error_message();
  EXPECT_EQ(report.differences_size(), 0);
  EXPECT_EQ(report.entries(), head.size());
  EXPECT_FALSE(posix_.Exists(folder_ / "scratch"));
}

TEST_F(AccessTest, ANodeMayAskNothing) {
  const auto node = As("node-1");
  v1::TreeHead head;
  std::vector<v1::CallSummary> found;
  EXPECT_EQ(Head(*node, head).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Find(*node, {}, found).error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

// A09: who searched stands in the ledger.
TEST_F(AccessTest, ASearchByComplianceIsRecordedAndFindsTheCall) {
  const FakeCall call = StoreCall();
  std::vector<v1::CallSummary> found;
  v1::FindCallsRequest request;
  request.set_party("clara client");
  const grpc::Status status = Find(*As("ada"), request, found);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].call_id(), call.call.ToProto());
  const auto bodies = Bodies(v1::RESTRICTED);
  ASSERT_EQ(bodies.size(), 1u);
  EXPECT_EQ(bodies[0].accessed().action(), v1::Accessed::SEARCHED);
  EXPECT_EQ(bodies[0].accessed().who(), "ada");
  EXPECT_THAT(bodies[0].accessed().detail(), HasSubstr("clara client"));
}

// Never-break rule 5, A08: no reason, no audio; with one, the ledger entry stands first.
TEST_F(AccessTest, AReplayNeedsAReasonAndIsRecordedBeforeItsFirstByte) {
  const FakeCall call = StoreCall();
  const auto ada = As("ada");
  v1::PlayRequest play;
  play.set_call_id(call.call.ToProto());
  play.set_format(v1::PlayRequest::WAV);
  std::vector<v1::PlayChunk> chunks;
  EXPECT_EQ(Play(*ada, play, chunks).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(chunks.empty());
  play.set_reason("complaint 7");
  const grpc::Status status = Play(*ada, play, chunks);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_GT(chunks.size(), 1u);
  const auto entry = archive_->ReadEntry(chunks[0].header().ledger_index());
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->body->accessed().action(), v1::Accessed::REPLAYED);
  EXPECT_EQ(entry->body->accessed().who(), "ada");
  EXPECT_EQ(entry->body->accessed().reason(), "complaint 7");
}

TEST_F(AccessTest, WhenTheLedgerCannotBeWrittenNothingPlaysAndNothingIsFound) {
  const FakeCall call = StoreCall();
  const auto ada = As("ada");
  environment_.Break(test::FaultyEnvironment::Operation::kSync);
  v1::PlayRequest play;
  play.set_call_id(call.call.ToProto());
  play.set_reason("complaint 7");
  play.set_format(v1::PlayRequest::WAV);
  std::vector<v1::PlayChunk> chunks;
  EXPECT_FALSE(Play(*ada, play, chunks).ok());
  EXPECT_TRUE(chunks.empty());
  std::vector<v1::CallSummary> found;
  EXPECT_FALSE(Find(*ada, {}, found).ok());
  EXPECT_TRUE(found.empty());
  environment_.Repair();
}

}  // namespace
}  // namespace turret::coordinator
