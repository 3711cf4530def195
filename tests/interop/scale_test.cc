// A floor of a thousand calls: the node killed, and its machine started anew, while there is no coordinator.
#include <signal.h>

#include <map>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/floor/crowd.h"
#include "tests/floor/floor.h"
#include "tests/interop/archive_truth.h"
#include "tests/interop/cluster.h"

namespace turret::test {
namespace {

constexpr int kCalls = 1000;
constexpr absl::Duration kTimeout = absl::Seconds(60);

class ScaleTest : public testing::Test {
 protected:
  void Start(bool socket_store, int calls, absl::Duration packet) {
    calls_ = calls;
    ClusterOptions options;
    options.enrolment = floor::EnrolmentYaml(calls, "exact");
    options.socket_store = socket_store;
    options.presence_interval = absl::Seconds(60);
    auto cluster = Cluster::Start(options);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    auto crowd = floor::Crowd::Start(
        {.server = cluster_->sip_address(), .calls = calls, .packet = packet, .seed = seed_});
    ASSERT_TRUE(crowd.ok()) << crowd.status();
    crowd_ = *std::move(crowd);
    ASSERT_TRUE(WaitUntil([&] { return crowd_->on() == calls; }, kTimeout)) << crowd_->on();
    Pass(absl::Seconds(1));
  }
  static void Pass(absl::Duration time) {
    const absl::Time until = absl::Now() + time;
    (void)WaitUntil([&] { return absl::Now() >= until; }, kTimeout);
  }
  double NodeMetric(const std::string& name) const { return MetricValue(cluster_->NodeMetrics(), name); }
  /// All calls are up in the present process, and their packets come in.
  void ExpectAllGoOn() {
    EXPECT_EQ(NodeMetric("turret_sip_sessions"), calls_);
    const double before = NodeMetric("turret_rtp_packets_received_total");
    EXPECT_TRUE(WaitUntil(
        [&] { return NodeMetric("turret_rtp_packets_received_total") >= before + 2 * calls_; }, kTimeout));
    EXPECT_EQ(crowd_->on(), calls_);  // Nobody was hung up on.
  }
  void HangUp() {
    crowd_->HangUp();
    ASSERT_TRUE(WaitUntil([&] { return crowd_->ended() == calls_; }, kTimeout)) << crowd_->ended();
  }
  /// Each call is one record, ended by its BYE; of each packet that was sent it is known whether it is there.
  /// Returns how many are missing.
  uint64_t ExpectRecords() {
    EXPECT_TRUE(WaitUntil([&] { return NodeMetric("turret_replication_lag_bytes") == 0; }, kTimeout));
    EXPECT_TRUE(cluster_->WaitUntilSettled(static_cast<size_t>(calls_), kTimeout));
    const auto records = cluster_->CtlJson({"calls"});
    EXPECT_TRUE(records.ok()) << records.status();
    if (!records.ok()) return 0;
    EXPECT_EQ(records->size(), static_cast<size_t>(calls_));
    std::map<std::string, nlohmann::json> by_sip_id;
    for (const nlohmann::json& record : *records) by_sip_id[record.at("sip_call_id")] = record;
    uint64_t missing = 0;
    for (const floor::Crowd::Sent& sent : crowd_->sent()) {
      const nlohmann::json record = by_sip_id[sent.sip_call_id];
      const nlohmann::json stream = record.is_object() ? StreamOf(record, sent.label) : nlohmann::json();
      if (!stream.is_object()) {
        ADD_FAILURE() << sent.sip_call_id << " left no record of stream " << sent.label;
        continue;
      }
      EXPECT_EQ(record.value("end", ""), "bye") << sent.sip_call_id;
      const uint64_t recorded = stream.at("packets").at("recorded");
      const uint64_t lost = stream.at("packets").at("lost");
      EXPECT_EQ(recorded + lost, sent.packets) << sent.sip_call_id << " stream " << sent.label;
      missing += sent.packets - recorded;
    }
    return missing;
  }

  /// Byte for byte.
  void ExpectPayload(size_t index) {
    const floor::Crowd::Sent sent = crowd_->sent().at(index);
    std::string want;
    for (uint32_t number = 0; number < sent.packets; ++number) want += crowd_->PayloadOf(index, number);
    const nlohmann::json record = FindCall(*cluster_, sent.sip_call_id);
    ASSERT_TRUE(record.is_object()) << sent.sip_call_id;
    EXPECT_TRUE(PlayRaw(*cluster_, record, sent.label) == want)
        << sent.sip_call_id << " stream " << sent.label;
  }

  const uint64_t seed_ = Seed(20261126);
  int calls_ = 0;
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<floor::Crowd> crowd_;
};

// R11, C02: kill -9, and then a reboot, of which nothing is left but the disk.
TEST_F(ScaleTest, AThousandCallsGoOnAfterAKillWithoutCoordinatorAndAfterARebootOnceItIsThere) {
  SCOPED_TRACE(SeedTrace(seed_));
  ASSERT_NO_FATAL_FAILURE(Start(/*socket_store=*/false, kCalls, absl::Milliseconds(100)));
  cluster_->KillCoordinator();
  cluster_->KillNode();
  const absl::Status again = cluster_->StartNode();
  ASSERT_TRUE(again.ok()) << again;
  ExpectAllGoOn();

  cluster_->KillNode();
  cluster_->ForgetNodeKey();
  ASSERT_TRUE(cluster_->BeginNode().ok());
  const std::string log = cluster_->folder() + "/turret-node.log";
  EXPECT_TRUE(WaitUntil(
      [&] { return ReadFileOrEmpty(log).find("wait until coordinator") != std::string::npos; }, kTimeout));
  EXPECT_TRUE(cluster_->node().running());
  ASSERT_TRUE(cluster_->StartCoordinator().ok());
  const absl::Status rebooted = cluster_->WaitForNode();
  ASSERT_TRUE(rebooted.ok()) << rebooted;
  ExpectAllGoOn();
  crowd_->Refresh(kCalls);
  EXPECT_TRUE(WaitUntil([&] { return crowd_->refreshed() == kCalls; }, kTimeout)) << crowd_->refreshed();

  ASSERT_NO_FATAL_FAILURE(HangUp());
  EXPECT_GT(ExpectRecords(), 0u);
  ExpectVerified(*cluster_);
}

// R11: 500 streams, ten upgrades in a row, not one packet missing.
TEST_F(ScaleTest, TenUpgradesInARowUnder500StreamsLoseNoPacket) {
  SCOPED_TRACE(SeedTrace(seed_));
  ASSERT_NO_FATAL_FAILURE(Start(/*socket_store=*/true, 250, absl::Milliseconds(20)));
  for (int upgrade = 0; upgrade < 10; ++upgrade) {
    SCOPED_TRACE(upgrade);
    cluster_->node().Signal(SIGHUP);
    const absl::Status again = cluster_->WaitForNodeAgain();
    ASSERT_TRUE(again.ok()) << again;
  }
  Pass(absl::Seconds(1));
  ASSERT_NO_FATAL_FAILURE(HangUp());
  EXPECT_EQ(ExpectRecords(), 0u);
  for (size_t index = 0; index < 500; index += 63) ExpectPayload(index);
  ExpectVerified(*cluster_);
}

}  // namespace
}  // namespace turret::test
