// One system call of each running program fails, by strace: an alarm says so, the programs go on without a
// restart, and not one packet is missing. (Each single operation, one at a time, at the seam: the tests of
// spool, journal, volumes, books and ledger.)
#include <signal.h>

#include <array>
#include <filesystem>
#include <iostream>
#include <memory>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/floor/floor.h"
#include "tests/interop/archive_truth.h"
#include "tests/interop/cluster.h"

namespace turret::test {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(60);
constexpr int kRounds = 3;
constexpr int kCalls = 2;
constexpr int kWhenMax = 4;  // Of each thread: a commit comes ten times a second.
// What storage/base/file.cc calls again and again; write(2) would hit event descriptors as well.
constexpr std::array kOperations = {"pwrite64", "fdatasync"};
constexpr std::array kErrors = {"EIO", "ENOSPC"};

// strace on a running program, until the object goes. The chosen call fails once in each of its threads.
class Injection {
 public:
  Injection(const std::string& folder, const std::string& program, pid_t pid, SeededRandom& random)
      : trace_(fmt::format("{}/{}.strace", folder, program)),
        operation_(kOperations[Below(random, kOperations.size())]) {
    std::filesystem::remove(trace_);
    const std::string words =
        fmt::format("inject={}:error={}:when={}", operation_, kErrors[Below(random, kErrors.size())],
                    1 + Below(random, kWhenMax));
    std::cout << program << ": " << words << '\n';
    auto strace = Process::Start({"strace", "-f", "-o", trace_, "-e", "trace=" + operation_, "-e", words,
                                  "-p", fmt::format("{}", pid)},
                                 trace_ + ".log");
    EXPECT_TRUE(strace.ok()) << strace.status();
    if (strace.ok()) strace_ = *std::move(strace);
    attached_ =
        WaitUntil([&] { return Says("attached") || !strace_->running(); }, kTimeout) && Says("attached");
    EXPECT_TRUE(attached_ || Says("not permitted")) << ReadFileOrEmpty(trace_ + ".log");
  }
  ~Injection() {
    if (strace_ == nullptr) return;
    strace_->Signal(SIGTERM);  // It lets go of the program.
    strace_->Wait(kTimeout);
  }
  bool attached() const { return attached_; }
  bool Failed() const { return ReadFileOrEmpty(trace_).find("INJECTED") != std::string::npos; }

 private:
  bool Says(const std::string& words) const {
    return ReadFileOrEmpty(trace_ + ".log").find(words) != std::string::npos;
  }

  const std::string trace_;
  const std::string operation_;
  std::unique_ptr<Process> strace_;
  bool attached_ = false;
};

class FailingDiskTest : public testing::Test {
 protected:
  absl::StatusOr<floor::FloorTruth> Play(int round) {
    floor::FloorOptions options;
    options.server = cluster_->sip_address();
    options.traders = options.calls = kCalls;
    options.call_length = absl::Seconds(2);
    options.speech = false;
    options.seed = seed_ + round;
    return floor::RunFloor(options);
  }
  double NodeAlarms() const {
    const std::string metrics = cluster_->NodeMetrics();
    return MetricValue(metrics, "turret_spool_commits_failed_total") +
           MetricValue(metrics, "turret_session_journal_commits_failed_total");
  }
  double CoordinatorAlarms() const {
    return MetricSum(cluster_->CoordinatorMetrics(), "turret_disk_errors_total");
  }
  std::string Logs() const {
    return ReadFileOrEmpty(cluster_->folder() + "/turret-node.log") +
           ReadFileOrEmpty(cluster_->folder() + "/turret-coordinator.log");
  }

  const uint64_t seed_ = Seed(20261126);
  SeededRandom random_{seed_};
  std::unique_ptr<Cluster> cluster_;
};

// C02, R14.
TEST_F(FailingDiskTest, AFailedSystemCallOfNodeAndOfCoordinatorIsAlarmedAndLosesNothing) {
  SCOPED_TRACE(SeedTrace(seed_));
  ClusterOptions cluster_options;
  cluster_options.enrolment = floor::EnrolmentYaml(kCalls, "exact");
  auto cluster = Cluster::Start(cluster_options);
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  cluster_ = *std::move(cluster);
  floor::FloorTruth sent;
  int failures = 0;
  for (int round = 0; round < kRounds; ++round) {
    const double node_before = NodeAlarms();
    const double coordinator_before = CoordinatorAlarms();
    const Injection node(cluster_->folder(), "turret-node", cluster_->node().pid(), random_);
    const Injection coordinator(cluster_->folder(), "turret-coordinator", cluster_->coordinator().pid(),
                                random_);
    if (!node.attached() || !coordinator.attached()) GTEST_SKIP() << "nobody here may trace a program";
    const absl::StatusOr<floor::FloorTruth> played = Play(round);
    ASSERT_TRUE(played.ok()) << played.status();
    sent.calls.insert(sent.calls.end(), played->calls.begin(), played->calls.end());
    sent.datagrams_sent += played->datagrams_sent;
    ASSERT_TRUE(cluster_->WaitUntilSettled(sent.calls.size(), kTimeout)) << Logs();
    failures += node.Failed() ? 1 : 0;
    failures += coordinator.Failed() ? 1 : 0;
    EXPECT_EQ(node.Failed(), NodeAlarms() > node_before) << Logs();
    EXPECT_EQ(coordinator.Failed(), CoordinatorAlarms() > coordinator_before) << Logs();
  }
  EXPECT_GE(failures, kRounds) << "the sample hit too little";
  EXPECT_TRUE(cluster_->node().running());
  EXPECT_TRUE(cluster_->coordinator().running());
  ExpectEveryPayloadByte(*cluster_, sent);
  ExpectEveryDatagramAccounted(*cluster_, sent);
  ExpectVerified(*cluster_);
}

}  // namespace
}  // namespace turret::test
