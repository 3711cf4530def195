// The coordinator outlives a failure of its disk: the archive is opened again in place.
#include "coordinator/serving.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "fmt/format.h"
#include "storage/base/watched_environment.h"
#include "tests/coordinator/ingest/connection.h"
#include "tests/coordinator/ingest/server_fixture.h"
#include "tests/monitoring/scrape.h"

namespace turret::coordinator {
namespace {

using test::Connection;
using test::FakeCall;
using test::FakeNode;
using ::testing::HasSubstr;
using Operation = test::FaultyEnvironment::Operation;

class ServingTest : public test::ServerFixture {
 protected:
  void SetUp() override {
    ASSERT_TRUE(MakeRoot().ok());
    constexpr std::string_view kEnrolment = "orphans: {storage_class: mifid, rules: [mifid5]}\nlines: []\n";
    ASSERT_TRUE(posix_.WriteAtomically(folder_ / "enrolment.yaml", AsBytes(kEnrolment)).ok());
    ASSERT_TRUE(metrics_.Serve("127.0.0.1:0").ok());
    CoordinatorConfig config;
    config.archive = folder_ / "archive";
    config.enrolment = folder_ / "enrolment.yaml";
    config.listen = "127.0.0.1:0";
    config.tls = Files("coordinator");
    config.commit_interval = absl::Milliseconds(5);
    config.close_calls_after = absl::Hours(1);
    auto serving = Serving::Start(config, std::string(kPassphrase), {watched_, clock_, random_, metrics_});
    ASSERT_TRUE(serving.ok()) << serving.status();
    serving_ = *std::move(serving);
    port_ = serving_->port();
  }
  std::string Metrics() const { return test::HttpGet(metrics_.port(), "/metrics").body; }
  std::unique_ptr<Connection> Connect(NodeId node) {
    auto connection = std::make_unique<Connection>(ChannelAs("node-1"), Connection::Patience::kUntilReady);
    EXPECT_TRUE(connection->Hello(node));
    const v1::ReplicateResponse welcome = connection->Read();
    EXPECT_TRUE(welcome.has_welcome());
    if (!node_) node_.emplace(random_, welcome.welcome());
    return connection;
  }

  WatchedEnvironment watched_{environment_, [this](std::string_view operation, const absl::Status&) {
                                metrics_.DiskError(operation);
                              }};
  std::unique_ptr<Serving> serving_;
  std::optional<FakeNode> node_;
};

TEST_F(ServingTest, AFullDiskStopsTheArchiveAndItOpensAgainInPlaceWhenThereIsRoom) {
  auto connection = Connect(NodeId::Make(random_));
  FakeCall call = node_->NewCall();
  const std::vector<v1::ReplicateRequest> before{node_->Unit(call), node_->Started(call),
                                                 node_->Segment(call)};
  for (const auto& item : before) ASSERT_TRUE(connection->Send(item));
  EXPECT_THAT(connection->ReadUntilAcknowledged(before.size()), ::testing::IsEmpty());
  ASSERT_TRUE(serving_->Tick().ok());
  EXPECT_THAT(Metrics(), HasSubstr("\nturret_archive_open 1\n"));

  environment_.Break(Operation::kWrite, absl::ResourceExhaustedError("injected: No space left on device"));
  const std::vector<v1::ReplicateRequest> after{node_->Segment(call), node_->Ended(call)};
  for (const auto& item : after) connection->Send(item);
  EXPECT_EQ(connection->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_LE(connection->last_ack().through_item(), before.size());
  for (int tries = 0; tries < 3; ++tries) {  // The process goes on, nodes are refused, the alarm stands.
    ASSERT_TRUE(serving_->Tick().ok());
    clock_.Advance(kReopenPauseMax);
  }
  EXPECT_EQ(Connection(ChannelAs("node-1")).Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(Metrics(), HasSubstr("\nturret_archive_open 0\n"));
  EXPECT_THAT(Metrics(), HasSubstr("\nturret_disk_errors_total{operation=\"write\"}"));

  environment_.Repair();
  ASSERT_TRUE(serving_->Tick().ok());
  EXPECT_EQ(serving_->port(), port_);
  EXPECT_THAT(Metrics(), HasSubstr("\nturret_archive_open 1\n"));
  connection = Connect(node_->id());
  for (const auto* items : {&before, &after})
    for (const auto& item : *items) ASSERT_TRUE(connection->Send(item));
  EXPECT_THAT(connection->ReadUntilAcknowledged(before.size() + after.size()), ::testing::IsEmpty());
  connection.reset();
  EXPECT_TRUE(serving_->Stop().ok());
}

TEST_F(ServingTest, AnArchiveThatHoldsLessThanItDidIsNotServedAgain) {
  environment_.Break(Operation::kSync);
  auto connection = Connect(NodeId::Make(random_));
  ASSERT_TRUE(connection->Send(node_->Presence()));
  EXPECT_EQ(connection->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  environment_.Repair();
  std::filesystem::rename(folder_ / "archive/books", folder_ / "books-of-before");
  EXPECT_TRUE(absl::IsDataLoss(serving_->Tick()));
}

}  // namespace
}  // namespace turret::coordinator
