// The node under turret-socket-store: what is sent while it does not run is recorded all the same.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/floor/floor.h"
#include "tests/interop/archive_truth.h"
#include "tests/interop/cluster.h"
#include "tests/interop/disk_stalls.h"

namespace turret::test {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(60);
constexpr absl::Duration kLossMax =
    absl::Milliseconds(200);  // Before a kill: received, and not committed yet.

class SocketStoreTest : public testing::Test {
 protected:
  void Start(int calls, absl::Duration call_length) {
    ClusterOptions options;
    options.enrolment = floor::EnrolmentYaml(calls, "exact");
    options.socket_store = true;
    auto cluster = Cluster::Start(options);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    stalls_ = std::make_unique<DiskStalls>(cluster_->folder());
    floor_.server = cluster_->sip_address();
    floor_.traders = floor_.calls = calls;
    floor_.call_length = call_length;
    floor_.stagger = absl::Milliseconds(20);
    floor_.speech = false;  // No two packets of it are alike.
    floor_.seed = seed_;
    floor_.progress = [this](const std::string&) { ++answered_; };
    playing_ = std::thread([this] { played_ = floor::RunFloor(floor_); });
    ASSERT_TRUE(WaitUntil([&] { return answered_ == calls; }, kTimeout)) << answered_ << " of " << calls;
  }
  /// The calls to their end, and into the archive.
  void Finish() {
    playing_.join();
    ASSERT_TRUE(played_.ok()) << played_.status();
    ASSERT_TRUE(cluster_->WaitUntilSettled(played_->calls.size(), kTimeout));
    const auto calls = cluster_->CtlJson({"calls"});
    ASSERT_TRUE(calls.ok()) << calls.status();
    EXPECT_EQ(calls->size(), played_->calls.size());  // Each is one record.
  }
  void TearDown() override {
    if (playing_.joinable()) playing_.join();
  }
  /// kill -9 of the node; the store starts it again after `outage`.
  void Kill(absl::Duration outage) {
    cluster_->node().Signal(SIGSTOP);
    kills_.push_back(absl::Now());
    ASSERT_EQ(kill(cluster_->NodePid(), SIGKILL), 0);
    const absl::Time until = absl::Now() + outage;
    (void)WaitUntil([&] { return absl::Now() >= until; }, kTimeout);
    cluster_->node().Signal(SIGCONT);
    const absl::Status again = cluster_->WaitForNodeAgain();
    ASSERT_TRUE(again.ok()) << again;
  }
  bool JustBeforeAKill(absl::Time due) const {
    return std::any_of(kills_.begin(), kills_.end(), [&](absl::Time killed) {
      return due > killed - stalls_->LossMax(killed, kLossMax) && due <= killed;
    });
  }
  std::string AroundKills(int64_t due_utc_ns) const {
    std::string text = "ms after the kills:";
    for (const absl::Time killed : kills_)
      text += fmt::format(" {:.0f} (of {:.0f})",
                          absl::ToDoubleMilliseconds(absl::FromUnixNanos(due_utc_ns) - killed),
                          absl::ToDoubleMilliseconds(stalls_->LossMax(killed, kLossMax)));
    return text;
  }
  /// All that was sent, in order, but for what came just before a kill.
  void ExpectRecorded(const floor::CallTruth& call, const floor::StreamTruth& sent) {
    const std::vector<bool> kept = PacketsKept(*cluster_, FindCall(*cluster_, call.sip_call_id), sent);
    for (size_t i = 0; i < kept.size(); ++i) {
      if (kept[i]) continue;
      EXPECT_TRUE(JustBeforeAKill(absl::FromUnixNanos(sent.packets[i].due_utc_ns)))
          << "packet " << i << " of " << sent.packets.size() << ", "
          << AroundKills(sent.packets[i].due_utc_ns);
    }
  }

  const uint64_t seed_ = Seed(20261124);
  std::unique_ptr<Cluster> cluster_;
  std::unique_ptr<DiskStalls> stalls_;
  floor::FloorOptions floor_;
  std::atomic<int> answered_ = 0;
  std::thread playing_;
  absl::StatusOr<floor::FloorTruth> played_ = absl::UnknownError("not played");
  std::vector<absl::Time> kills_;
};

// R11, C02: what is sent during outages of up to 3 s is there.
TEST_F(SocketStoreTest, OfAKilledNodeOnlyWhatWasNotCommittedIsMissing) {
  SCOPED_TRACE(SeedTrace(seed_));
  ASSERT_NO_FATAL_FAILURE(Start(4, absl::Seconds(25)));
  for (const absl::Duration outage : {absl::ZeroDuration(), absl::Seconds(1), absl::Seconds(3)})
    ASSERT_NO_FATAL_FAILURE(Kill(outage));
  ASSERT_NO_FATAL_FAILURE(Finish());
  for (const floor::CallTruth& call : played_->calls) {
    ASSERT_TRUE(call.established);
    for (const floor::StreamTruth& stream : call.streams) {
      SCOPED_TRACE(call.sip_call_id + " " + stream.label);
      ExpectRecorded(call, stream);
    }
  }
  ExpectVerified(*cluster_);
}

}  // namespace
}  // namespace turret::test
