#include "tests/bench/restart.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <sstream>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "tests/bench/recorded.h"
#include "tests/floor/crowd.h"
#include "tests/floor/floor.h"
#include "tests/interop/cluster.h"

namespace turret::bench {
namespace {

constexpr int kCalls = 1000;
constexpr int kUpgrades = 3;
constexpr int kKills = 2;
constexpr absl::Duration kTimeout = absl::Seconds(60);
constexpr absl::Duration kBetween = absl::Seconds(2);

absl::Duration SinceStart(pid_t pid) {
  const std::string stat = test::ReadFileOrEmpty(fmt::format("/proc/{}/stat", pid));
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  return absl::DurationFromTimespec(now) - absl::Seconds(std::stod(field) / ticks);
}

class Bench {
 public:
  absl::Status Start() {
    test::ClusterOptions options;
    options.enrolment = floor::EnrolmentYaml(kCalls, "exact");
    options.socket_store = true;
    options.presence_interval = absl::Seconds(60);
    auto cluster = test::Cluster::Start(options);
    if (cluster.ok()) cluster_ = *std::move(cluster);
    return cluster.status();
  }
  /// Milliseconds from the new process to its first packet; with no calls, until it is ready.
  absl::StatusOr<double> Again(int signal) {
    if (signal == SIGKILL)
      kill(cluster_->NodePid(), SIGKILL);
    else
      cluster_->node().Signal(signal);
    if (absl::Status again = cluster_->WaitForNodeAgain(); !again.ok()) return again;
    const auto packets = [&] {
      return test::MetricValue(cluster_->NodeMetrics(), "turret_rtp_packets_received_total");
    };
    if (crowd_ != nullptr && !test::WaitUntil([&] { return packets() > 0; }, kTimeout))
      return absl::DeadlineExceededError("no packet came");
    return absl::ToDoubleMilliseconds(SinceStart(cluster_->NodePid()));
  }
  absl::StatusOr<std::vector<double>> Repeat(int signal, int times) {
    std::vector<double> took;
    for (int i = 0; i < times; ++i) {
      absl::SleepFor(kBetween);
      absl::StatusOr<double> one = Again(signal);
      if (!one.ok()) return one.status();
      took.push_back(*one);
    }
    std::sort(took.begin(), took.end());
    return took;
  }
  absl::Status Place(uint64_t seed) {
    absl::StatusOr<std::unique_ptr<floor::Crowd>> crowd =
        floor::Crowd::Start({.server = cluster_->sip_address(), .calls = kCalls, .seed = seed});
    if (!crowd.ok()) return crowd.status();
    crowd_ = *std::move(crowd);
    if (test::WaitUntil([&] { return crowd_->on() == kCalls; }, kTimeout)) return absl::OkStatus();
    return absl::UnavailableError(fmt::format("{} calls of {} are on", crowd_->on(), kCalls));
  }
  /// Hangs up; how many packets of all that were sent are in no record.
  absl::StatusOr<double> Lost() {
    crowd_->HangUp();
    if (!test::WaitUntil([&] { return crowd_->ended() == kCalls; }, kTimeout))
      return absl::UnavailableError(fmt::format("{} calls of {} were hung up", crowd_->ended(), kCalls));
    calls_ += kCalls;
    const absl::StatusOr<uint64_t> recorded = RecordedPackets(*cluster_, calls_);
    if (!recorded.ok()) return recorded.status();
    sent_ += crowd_->packets_sent();
    crowd_.reset();
    const double missing = static_cast<double>(sent_) - static_cast<double>(*recorded) - lost_;
    lost_ += missing;
    return missing;
  }

 private:
  std::unique_ptr<test::Cluster> cluster_;
  std::unique_ptr<floor::Crowd> crowd_;
  size_t calls_ = 0;
  uint64_t sent_ = 0;
  double lost_ = 0;
};

absl::StatusOr<std::vector<Row>> Measure() {
  Bench bench;
  if (absl::Status started = bench.Start(); !started.ok()) return started;
  const absl::StatusOr<std::vector<double>> bare = bench.Repeat(SIGHUP, 3);
  if (!bare.ok()) return bare.status();
  std::vector<Row> rows;
  const double limit = (*bare)[bare->size() / 2];
  for (const bool killed : {false, true}) {
    const std::string name = killed ? "restart/killed" : "restart/upgraded";
    std::cerr << fmt::format("{}: {} calls …\n", name, kCalls);
    if (absl::Status placed = bench.Place(killed ? 2 : 1); !placed.ok()) return placed;
    const absl::StatusOr<std::vector<double>> took =
        bench.Repeat(killed ? SIGKILL : SIGHUP, killed ? kKills : kUpgrades);
    if (!took.ok()) return took.status();
    absl::SleepFor(kBetween);
    const absl::StatusOr<double> lost = bench.Lost();
    if (!lost.ok()) return lost.status();
    rows.push_back(
        {name + "/first_packet", (*took)[took->size() / 2], "ms", limit, "the same with no calls"});
    rows.push_back({name + "/first_packet_max", took->back(), "ms", limit, "the same with no calls"});
    rows.push_back({name + "/lost", *lost, "packets", 0, ""});
  }
  return rows;
}

}  // namespace

std::vector<Row> Restart() {
  absl::StatusOr<std::vector<Row>> rows = Measure();
  if (rows.ok()) return *std::move(rows);
  std::cerr << "restart: " << rows.status().message() << '\n';
  return {};
}

}  // namespace turret::bench
