#include "tests/interop/cluster.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "fmt/format.h"

namespace turret::test {
namespace {

constexpr absl::Duration kStartTimeout = absl::Seconds(30);
constexpr absl::Duration kStopTimeout = absl::Seconds(30);

std::string Binary(const std::string& name) { return std::string(TURRET_BINARY_DIR) + "/" + name; }
std::string Source(const std::string& path) { return std::string(TURRET_SOURCE_DIR) + "/" + path; }

uint64_t InodeOf(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

std::string EndOf(const std::string& log) {
  const std::string text = ReadFileOrEmpty(log);
  return text.size() > 2000 ? text.substr(text.size() - 2000) : text;
}

}  // namespace

Cluster::Cluster(const ClusterOptions& options) : options_(options) {
  if (options.folder.empty()) own_folder_ = std::make_unique<TemporaryFolder>();
  folder_ = options.folder.empty() ? own_folder_->path() : options.folder;
  if (options_.node_key.empty()) options_.node_key = folder_ + "/node/node.key";
}

Cluster::~Cluster() {
  if (options_.socket_store && node_ != nullptr) {  // Not left to end by itself in a folder that goes away.
    if (const pid_t pid = NodePid(); pid > 0 && node_->running()) {
      node_->Signal(SIGSTOP);
      kill(pid, SIGKILL);
    }
  }
  node_.reset();
  coordinator_.reset();
}

absl::StatusOr<std::unique_ptr<Cluster>> Cluster::Start(const ClusterOptions& options) {
  auto cluster = std::unique_ptr<Cluster>(new Cluster(options));
  if (absl::Status made = cluster->MakeCertificates(); !made.ok()) return made;
  if (absl::Status started = cluster->StartCoordinator(); !started.ok()) return started;
  if (options.relay) {
    auto relay = TcpRelay::Start(cluster->coordinator_port_);
    if (!relay.ok()) return relay.status();
    cluster->relay_ = *std::move(relay);
  }
  if (absl::Status started = cluster->StartNode(); !started.ok()) return started;
  // Before that it refuses calls: it has no keys yet.
  if (!WaitUntil([&] { return MetricValue(cluster->NodeMetrics(), "turret_replication_connected") == 1; },
                 kStartTimeout))
    return absl::UnavailableError("the node did not connect: " +
                                  EndOf(cluster->folder() + "/turret-node.log"));
  return cluster;
}

absl::Status Cluster::MakeCertificates() {
  const CommandResult made =
      Run({Source("deploy/make-certificates"), certificates(), "coordinator:coordinator", "node:node-1",
           "compliance:compliance", "it:it"});
  if (made.exit_code != 0) return absl::InternalError("make-certificates: " + made.err);
  return absl::OkStatus();
}

void Cluster::WriteConfigs() {
  WriteFileOrDie(folder_ + "/enrolment.yaml", options_.enrolment);
  WriteFileOrDie(folder_ + "/passphrase", "correct horse battery staple\n");
  WriteFileOrDie(
      folder_ + "/coordinator.yaml",
      fmt::format("archive: {0}/archive\nenrolment: {0}/enrolment.yaml\npassphrase_file: {0}/passphrase\n"
                  "listen: 127.0.0.1:{1}\nmetrics: 127.0.0.1:0\nready_file: {0}/coordinator.ready\n"
                  "tls:\n  authority: {0}/tls/authority.pem\n  certificate: {0}/tls/coordinator.pem\n"
                  "  key: {0}/tls/coordinator.key\n",
                  folder_, coordinator_port_));
  const std::string address = relay_ ? fmt::format("localhost:{}", relay_->port()) : coordinator_address();
  WriteFileOrDie(
      folder_ + "/node.yaml",
      fmt::format("name: node-1\ncoordinator: {1}\nstate_directory: {0}/node\nnode_key: {5}\n"
                  "sip:\n  udp: 127.0.0.1:{2}\n  tcp: 127.0.0.1:{2}\n"
                  "rtp:\n  address: 127.0.0.1\n  advertised: 127.0.0.1\n  port_min: {6}\n  port_max: {7}\n"
                  "presence_interval: {3}ms\nmetrics: 127.0.0.1:0\nready_file: {0}/node.ready\nworkers: {4}\n"
                  "tls:\n  authority: {0}/tls/authority.pem\n  certificate: {0}/tls/node-1.pem\n  key: "
                  "{0}/tls/node-1.key\n",
                  folder_, address, sip_port_, absl::ToInt64Milliseconds(options_.presence_interval),
                  options_.node_workers, options_.node_key, ports_.port_min(), ports_.port_max()));
}

std::string Cluster::ReadyFile(const std::string& program) const {
  return folder_ + (program == "turret-node" ? "/node.ready" : "/coordinator.ready");
}

absl::Status Cluster::Begin(const std::string& program, std::unique_ptr<Process>& process,
                            const std::vector<std::string>& environment) {
  WriteConfigs();
  std::error_code ignored;
  std::filesystem::remove(ReadyFile(program), ignored);
  const std::string config = folder_ + (program == "turret-node" ? "/node.yaml" : "/coordinator.yaml");
  auto started = Process::Start(CommandOf(program, config), folder_ + "/" + program + ".log", environment);
  if (!started.ok()) return started.status();
  process = *std::move(started);
  return absl::OkStatus();
}

absl::StatusOr<nlohmann::json> Cluster::Await(const std::string& program, Process& process) const {
  nlohmann::json ports;
  const bool is_ready = WaitUntil(
      [&] {
        ports = nlohmann::json::parse(ReadFileOrEmpty(ReadyFile(program)), nullptr, false);
        return ports.is_object() || !process.running();
      },
      kStartTimeout);
  if (is_ready && ports.is_object()) return ports;
  return absl::UnavailableError(program + " did not start: " + EndOf(folder_ + "/" + program + ".log"));
}

absl::Status Cluster::StartCoordinator() {
  if (absl::Status begun = Begin("turret-coordinator", coordinator_); !begun.ok()) return begun;
  const absl::StatusOr<nlohmann::json> ports = Await("turret-coordinator", *coordinator_);
  if (!ports.ok()) return ports.status();
  coordinator_port_ = ports->at("grpc_port").get<uint16_t>();
  coordinator_metrics_port_ = ports->at("metrics_port").get<uint16_t>();
  return absl::OkStatus();
}

std::string Cluster::Variant(const std::string& program) const {
  if (options_.null_cipher) return "-null";
  return options_.chaos && program == "turret-node" ? "-chaos" : "";
}

void Cluster::ArmKillPoint() { WriteFileOrDie(folder_ + "/kill", ""); }

absl::Status Cluster::StartNode(const std::string& kill_point) {
  if (absl::Status begun = BeginNode(kill_point); !begun.ok()) return begun;
  return WaitForNode();
}

absl::Status Cluster::BeginNode(const std::string& kill_point) {
  std::error_code ignored;
  std::filesystem::remove(folder_ + "/kill", ignored);
  return Begin("turret-node", node_,
               {"TURRET_KILL_POINT=" + kill_point, "TURRET_KILL_WHEN=" + folder_ + "/kill"});
}

absl::Status Cluster::WaitForNode() {
  const absl::StatusOr<nlohmann::json> ports = Await("turret-node", *node_);
  if (!ports.ok()) return ports.status();
  SeeNode(*ports);
  WriteConfigs();  // A node that is started again by others comes back on its port.
  return absl::OkStatus();
}

void Cluster::ForgetNodeKey() { std::filesystem::remove(options_.node_key); }

std::vector<std::string> Cluster::CommandOf(const std::string& program, const std::string& config) const {
  const bool node = program == "turret-node";
  std::vector<std::string> command = node ? options_.node_runner : options_.coordinator_runner;
  if (options_.socket_store && node) command.insert(command.end(), {Binary("turret-socket-store"), "--"});
  command.insert(command.end(), {Binary(program + Variant(program)), "--config", config});
  return command;
}

void Cluster::SeeNode(const nlohmann::json& ports) {
  sip_port_ = ports.at("sip_port").get<uint16_t>();
  node_metrics_port_ = ports.at("metrics_port").get<uint16_t>();
  node_ready_file_ = InodeOf(folder_ + "/node.ready");
}

pid_t Cluster::NodePid() const {
  const std::string children = fmt::format("/proc/{0}/task/{0}/children", node_->pid());
  return std::atoi(ReadFileOrEmpty(children).c_str());
}

absl::Status Cluster::WaitForNodeAgain() {
  const std::string ready = folder_ + "/node.ready";
  if (!WaitUntil([&] { return InodeOf(ready) != node_ready_file_ || !node_->running(); }, kStartTimeout) ||
      !node_->running())
    return absl::UnavailableError("the node is not ready again: " + EndOf(folder_ + "/turret-node.log"));
  SeeNode(nlohmann::json::parse(ReadFileOrEmpty(ready)));
  return absl::OkStatus();
}

int Cluster::StopCoordinator() {
  coordinator_->Signal(SIGTERM);
  return coordinator_->Wait(kStopTimeout);
}

int Cluster::StopNode() {
  node_->Signal(SIGTERM);
  return node_->Wait(kStopTimeout);
}

void Cluster::KillCoordinator() {
  coordinator_->Signal(SIGKILL);
  coordinator_->Wait(kStopTimeout);
}

void Cluster::KillNode() {
  node_->Signal(SIGKILL);
  node_->Wait(kStopTimeout);
}

std::string Cluster::sip_address() const { return fmt::format("127.0.0.1:{}", sip_port_); }
std::string Cluster::coordinator_address() const { return fmt::format("localhost:{}", coordinator_port_); }
std::string Cluster::NodeMetrics() const { return HttpGet(node_metrics_port_, "/metrics"); }
std::string Cluster::CoordinatorMetrics() const { return HttpGet(coordinator_metrics_port_, "/metrics"); }

CommandResult Cluster::Ctl(std::vector<std::string> arguments, const std::string& who) const {
  std::vector<std::string> argv{Binary("turretctl"),
                                "--coordinator",
                                coordinator_address(),
                                "--ca",
                                certificates() + "/authority.pem",
                                "--cert",
                                certificates() + "/" + who + ".pem",
                                "--key",
                                certificates() + "/" + who + ".key"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return Run(argv);
}

absl::StatusOr<std::vector<nlohmann::json>> Cluster::CtlJson(std::vector<std::string> arguments,
                                                             const std::string& who) const {
  arguments.insert(arguments.begin(), "--json");
  const CommandResult result = Ctl(std::move(arguments), who);
  if (result.exit_code != 0)
    return absl::InternalError(fmt::format("turretctl exit {}: {}", result.exit_code, result.err));
  std::vector<nlohmann::json> values;
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) {
    nlohmann::json value = nlohmann::json::parse(line, nullptr, false);
    if (value.is_discarded()) return absl::InternalError("turretctl --json: not JSON: " + line);
    values.push_back(std::move(value));
  }
  return values;
}

absl::StatusOr<std::string> Cluster::SaveHead() {
  const std::string path = folder_ + "/saved.head";
  const CommandResult result = Ctl({"ledger", "head", "--save", path});
  if (result.exit_code != 0) return absl::InternalError(result.err);
  return path;
}

std::vector<std::string> Cluster::VerifyArguments(const std::string& head_file, bool full) const {
  std::vector<std::string> arguments{archive(), "--head", head_file, "--key",
                                     archive() + "/ledger/public.pem"};
  if (full)
    arguments.insert(arguments.end(), {"--passphrase-file", folder_ + "/passphrase"});
  else
    arguments.emplace_back("--hashes");
  return arguments;
}

bool Cluster::WaitUntilSettled(size_t calls, absl::Duration timeout) const {
  return WaitUntil(
      [&] {
        const auto found = CtlJson({"calls"});
        if (!found.ok() || found->size() < calls) return false;
        for (const nlohmann::json& call : *found)
          if (!call.contains("ended") || call["ended"].is_null()) return false;
        return MetricValue(NodeMetrics(), "turret_replication_lag_bytes") == 0;
      },
      timeout);
}

double MetricValue(const std::string& metrics, const std::string& sample) {
  std::istringstream lines(metrics);
  for (std::string line; std::getline(lines, line);)
    if (line.compare(0, sample.size(), sample) == 0 && line[sample.size()] == ' ')
      return std::stod(line.substr(sample.size() + 1));
  return 0;
}

double MetricSum(const std::string& metrics, const std::string& name) {
  double sum = 0;
  std::istringstream lines(metrics);
  for (std::string line; std::getline(lines, line);)
    if (line.compare(0, name.size(), name) == 0 && (line[name.size()] == ' ' || line[name.size()] == '{'))
      sum += std::stod(line.substr(line.rfind(' ')));
  return sum;
}

std::string HttpGet(uint16_t port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    const std::string request =
        fmt::format("GET {} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    (void)!send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    std::string chunk(65536, '\0');
    for (ssize_t n; (n = recv(fd, chunk.data(), chunk.size(), 0)) > 0;)
      answer.append(chunk.data(), static_cast<size_t>(n));
  }
  close(fd);
  const size_t body = answer.find("\r\n\r\n");
  return body == std::string::npos ? "" : answer.substr(body + 4);
}

}  // namespace turret::test
