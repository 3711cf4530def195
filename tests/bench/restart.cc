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
constexpr absl::Duration kBetweenBare = absl::Milliseconds(200);

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
  struct Took {
    double listening_ms = 0;  // From the program's start until it reads all ports: its first packet.
    double ready_ms = 0;      // Until what waited there is durable.
  };
  absl::StatusOr<Took> Again(int signal) {
    if (signal == SIGKILL)
      kill(cluster_->NodePid(), SIGKILL);
    else
      cluster_->node().Signal(signal);
    if (absl::Status again = cluster_->WaitForNodeAgain(); !again.ok()) return again;
    const absl::Time start = absl::Now() - SinceStart(cluster_->NodePid());
    Took took;
    took.ready_ms = absl::ToDoubleMilliseconds(absl::Now() - start);
    took.listening_ms = took.ready_ms;
    if (crowd_ == nullptr) return took;
    const std::string log = test::ReadFileOrEmpty(cluster_->folder() + "/turret-node.log");
    const size_t line = log.rfind('\n', log.rfind("calls of the earlier process go on"));
    absl::Time listening;
    std::string error;
    if (line == std::string::npos ||
        !absl::ParseTime(absl::RFC3339_full, log.substr(line + 10, 24), &listening, &error))
      return absl::NotFoundError("the log does not say when the calls went on: " + error);
    took.listening_ms = absl::ToDoubleMilliseconds(listening - start);
    return took;
  }
  absl::StatusOr<std::vector<Took>> Repeat(int signal, int times) {
    std::vector<Took> took;
    for (int i = 0; i < times; ++i) {
      absl::SleepFor(crowd_ != nullptr ? kBetween : kBetweenBare);
      absl::StatusOr<Took> one = Again(signal);
      if (!one.ok()) return one.status();
      took.push_back(*one);
    }
    std::sort(took.begin(), took.end(),
              [](const Took& a, const Took& b) { return a.listening_ms < b.listening_ms; });
    return took;
  }
  absl::Status Place() {
    absl::StatusOr<std::unique_ptr<floor::Crowd>> crowd =
        floor::Crowd::Start({.server = cluster_->sip_address(), .calls = kCalls});
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
    const absl::StatusOr<uint64_t> recorded = RecordedPackets(*cluster_, kCalls);
    if (!recorded.ok()) return recorded.status();
    return static_cast<double>(crowd_->packets_sent()) - static_cast<double>(*recorded);
  }

 private:
  std::unique_ptr<test::Cluster> cluster_;
  std::unique_ptr<floor::Crowd> crowd_;
};

absl::StatusOr<std::vector<Row>> Measure() {
  std::vector<Row> rows;
  for (const bool killed : {false, true}) {
    Bench bench;  // Of its own: freed ports rest for a minute.
    if (absl::Status started = bench.Start(); !started.ok()) return started;
    const absl::StatusOr<std::vector<Bench::Took>> bare = bench.Repeat(SIGHUP, 3);
    if (!bare.ok()) return bare.status();
    const double limit = (*bare)[bare->size() / 2].ready_ms;
    const std::string name = killed ? "restart/killed" : "restart/upgraded";
    std::cerr << fmt::format("{}: {} calls …\n", name, kCalls);
    if (absl::Status placed = bench.Place(); !placed.ok()) return placed;
    const absl::StatusOr<std::vector<Bench::Took>> took =
        bench.Repeat(killed ? SIGKILL : SIGHUP, killed ? kKills : kUpgrades);
    if (!took.ok()) return took.status();
    absl::SleepFor(kBetween);
    const absl::StatusOr<double> lost = bench.Lost();
    if (!lost.ok()) return lost.status();
    rows.push_back({name + "/first_packet", (*took)[took->size() / 2].listening_ms, "ms", limit,
                    "the same with no calls"});
    rows.push_back(
        {name + "/first_packet_max", took->back().listening_ms, "ms", limit, "the same with no calls"});
    rows.push_back(
        {name + "/ready", (*took)[took->size() / 2].ready_ms, "ms", limit, "the same with no calls"});
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
