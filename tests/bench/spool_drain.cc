#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "grpcpp/grpcpp.h"
#include "proto/rpc/credentials.h"
#include "tests/bench/recorded.h"
#include "tests/bench/restart.h"
#include "tests/floor/crowd.h"
#include "tests/floor/floor.h"
#include "turret/v1/access.grpc.pb.h"

namespace turret::bench {

absl::StatusOr<uint64_t> RecordedPackets(const test::Cluster& cluster, size_t calls) {
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  for (; absl::Now() < deadline;
       absl::SleepFor(absl::Seconds(1))) {  // Asking costs: a second of it is enough.
    if (test::MetricValue(cluster.NodeMetrics(), "turret_replication_lag_bytes") != 0) continue;
    const auto records = cluster.CtlJson({"calls", "--limit", "10000"});
    if (!records.ok()) return records.status();
    uint64_t recorded = 0;
    size_t ended = 0;
    for (const nlohmann::json& call : *records) {
      ended += call.at("ended").is_null() ? 0 : 1;
      for (const nlohmann::json& stream : call.at("streams"))
        recorded += stream.at("packets").at("recorded").get<uint64_t>();
    }
    if (ended >= calls) return recorded;
  }
  return absl::DeadlineExceededError("the archive does not have all calls after a minute");
}

namespace {

constexpr int kBacklogCalls = 500;
constexpr int kLiveCalls = 250;
constexpr absl::Duration kBacklog = absl::Seconds(20);
constexpr double kPacketsASecond = 50.0 * 2 * kBacklogCalls;  // Of all streams of the backlog.
constexpr absl::Duration kAskInterval = absl::Milliseconds(50);
constexpr absl::Duration kTimeout = absl::Seconds(60);

// What the spool wrote is durable: it leaves the page cache when asked to.
void DropFromCache(const std::string& directory) {
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const int fd = open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    fdatasync(fd);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
  }
}

absl::Duration ReadAll(const std::string& directory) {
  std::vector<char> buffer(size_t{1} << 20);
  const absl::Time begin = absl::Now();
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const int fd = open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    while (read(fd, buffer.data(), buffer.size()) > 0) {
    }
    close(fd);
  }
  return absl::Now() - begin;
}

absl::StatusOr<std::unique_ptr<floor::Crowd>> Place(const test::Cluster& cluster, int first, int calls) {
  auto crowd = floor::Crowd::Start({.server = cluster.sip_address(), .calls = calls, .first_call = first});
  if (crowd.ok() && !test::WaitUntil([&] { return (*crowd)->on() == calls; }, kTimeout))
    return absl::UnavailableError(fmt::format("{} calls of {} are on", (*crowd)->on(), calls));
  return crowd;
}

absl::Status HangUp(floor::Crowd& crowd, int calls) {
  crowd.HangUp();
  if (test::WaitUntil([&] { return crowd.ended() == calls; }, kTimeout)) return absl::OkStatus();
  return absl::UnavailableError(fmt::format("{} calls of {} were hung up", crowd.ended(), calls));
}

// Asks over one connection: a turretctl for each question took an eighth of this machine from what is
// measured.
class Archive {
 public:
  static absl::StatusOr<Archive> Connect(const test::Cluster& cluster) {
    const std::string certificate = cluster.certificates() + "/compliance";
    const auto credentials = MakeChannelCredentials(
        {cluster.certificates() + "/authority.pem", certificate + ".pem", certificate + ".key"});
    if (!credentials.ok()) return credentials.status();
    return Archive(v1::Access::NewStub(grpc::CreateChannel(cluster.coordinator_address(), *credentials)));
  }
  bool HasEnded(const std::string& trader) const {
    grpc::ClientContext context;
    v1::FindCallsRequest request;
    request.set_trader(trader);
    const auto reader = access_->FindCalls(&context, request);
    v1::CallSummary call;
    const bool ended = reader->Read(&call) && call.ended_utc_ns() != 0;
    while (reader->Read(&call)) continue;
    return reader->Finish().ok() && ended;
  }

 private:
  explicit Archive(std::unique_ptr<v1::Access::Stub> access) : access_(std::move(access)) {}
  std::unique_ptr<v1::Access::Stub> access_;
};

// Acknowledged in order: when the call that was hung up last has ended there, all have.
bool WaitForLast(const Archive& archive) {
  const std::string last = floor::TraderOf(kBacklogCalls - 1).name;
  const absl::Time deadline = absl::Now() + kTimeout;
  for (; absl::Now() < deadline; absl::SleepFor(kAskInterval))
    if (archive.HasEnded(last)) return true;
  return false;
}

absl::StatusOr<std::vector<Row>> Measure() {
  test::ClusterOptions options;
  options.enrolment = floor::EnrolmentYaml(kBacklogCalls + kLiveCalls, "exact");
  options.presence_interval = absl::Seconds(60);
  options.socket_store = true;
  auto started = test::Cluster::Start(options);
  if (!started.ok()) return started.status();
  test::Cluster& cluster = **started;
  cluster.KillCoordinator();
  absl::StatusOr<std::unique_ptr<floor::Crowd>> backlog = Place(cluster, 0, kBacklogCalls);
  if (!backlog.ok()) return backlog.status();
  absl::SleepFor(kBacklog);
  absl::StatusOr<std::unique_ptr<floor::Crowd>> live = Place(cluster, kBacklogCalls, kLiveCalls);
  if (!live.ok()) return live.status();
  if (absl::Status ended = HangUp(**backlog, kBacklogCalls); !ended.ok()) return ended;
  // Calls are placed and hung up one after another: what waits is more than what was slept for.
  const absl::Duration waiting = absl::Seconds(
      static_cast<double>((*backlog)->packets_sent() + (*live)->packets_sent()) / kPacketsASecond);

  cluster.node().Signal(SIGSTOP);  // The socket store: it starts the node when all is set.
  kill(cluster.NodePid(), SIGKILL);
  DropFromCache(cluster.spool());
  const absl::Duration read = ReadAll(cluster.spool());
  DropFromCache(cluster.spool());
  if (absl::Status again = cluster.StartCoordinator(); !again.ok()) return again;
  const absl::StatusOr<Archive> archive = Archive::Connect(cluster);
  if (!archive.ok()) return archive.status();
  if (archive->HasEnded("")) return absl::InternalError("a call has ended in an archive that has none");
  cluster.node().Signal(SIGCONT);
  if (absl::Status again = cluster.WaitForNodeAgain(); !again.ok()) return again;
  const absl::Time begin = absl::Now();
  if (!WaitForLast(*archive)) return absl::DeadlineExceededError("the backlog is not there after a minute");
  const absl::Duration drained = absl::Now() - begin;

  if (absl::Status ended = HangUp(**live, kLiveCalls); !ended.ok()) return ended;
  const absl::StatusOr<uint64_t> recorded = RecordedPackets(cluster, kBacklogCalls + kLiveCalls);
  if (!recorded.ok()) return recorded.status();
  const double lost = static_cast<double>((*live)->packets_sent() + (*backlog)->packets_sent()) -
                      static_cast<double>(*recorded);
  return std::vector<Row>{{"spool_drain/speed", absl::FDivDuration(waiting, drained), "times real time",
                           absl::FDivDuration(waiting, read), "a bare, cold read of the same extents"},
                          {"spool_drain/backlog", absl::ToDoubleSeconds(waiting), "s of 1000 streams", 0, ""},
                          {"spool_drain/lost", lost, "packets", 0, ""}};
}

}  // namespace

std::vector<Row> SpoolDrain() {
  std::cerr << "spool_drain: 1000 streams' backlog, 500 streams go on …\n";
  absl::StatusOr<std::vector<Row>> rows = Measure();
  if (rows.ok()) return *std::move(rows);
  std::cerr << "spool_drain: " << rows.status().message() << '\n';
  return {};
}

}  // namespace turret::bench
