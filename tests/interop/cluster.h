// A whole recorder on loopback: certificates, coordinator and node as real processes in a folder that goes
// away.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "tests/interop/port_slot.h"
#include "tests/interop/tcp_relay.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

namespace turret::test {

struct ClusterOptions {
  std::string enrolment;      // YAML; see floor::EnrolmentYaml.
  bool null_cipher = false;   // The `-null` programs: everything in clear.
  bool chaos = false;         // The `-chaos` node: see Cluster::StartNode.
  bool socket_store = false;  // The node runs under turret-socket-store, which is node() then.
  absl::Duration presence_interval = absl::Seconds(1);
  std::string folder;  // Empty: one of our own, gone with the cluster.
  int node_workers = 1;
  bool relay = false;    // The node reaches the coordinator through a relay that can be cut.
  std::string node_key;  // Empty: in the node's folder.
  // What runs a program, "/bin/strace" …: its own command line follows.
  std::vector<std::string> node_runner, coordinator_runner;
};

/// Not thread-safe.
class Cluster {
 public:
  /// Everything started and ready, the node connected. Errors carry the end of the log of what did not start.
  static absl::StatusOr<std::unique_ptr<Cluster>> Start(const ClusterOptions& options);
  ~Cluster();

  /// The parts, one by one. A stopped coordinator comes back on the same port.
  [[nodiscard]] absl::Status StartCoordinator();
  /// `kill_point`, "name" or "name:n": where a `-chaos` node kills itself (storage/base/kill_point.h), once
  /// it is armed.
  [[nodiscard]] absl::Status StartNode(const std::string& kill_point = "");
  void ArmKillPoint();
  /// The same in two steps, for a node that is not ready before something else happened.
  [[nodiscard]] absl::Status BeginNode(const std::string& kill_point = "");
  [[nodiscard]] absl::Status WaitForNode();
  /// What a reboot takes from a node that does not run: what lay on the tmpfs.
  void ForgetNodeKey();
  /// The node itself, under a socket store; 0 while it does not run.
  pid_t NodePid() const;
  /// Until the socket store has started it once more since the last start that was seen, and it is ready.
  [[nodiscard]] absl::Status WaitForNodeAgain();
  /// SIGTERM and wait; returns the exit code, -1 when it did not end in 30 s.
  int StopCoordinator();
  int StopNode();
  void KillCoordinator();
  void KillNode();

  std::string sip_address() const;  // 127.0.0.1:port, UDP and TCP.
  std::string coordinator_address() const;
  std::string NodeMetrics() const;  // The text of /metrics, now.
  std::string CoordinatorMetrics() const;
  uint16_t node_metrics_port() const { return node_metrics_port_; }
  uint16_t coordinator_metrics_port() const { return coordinator_metrics_port_; }

  /// turretctl with this certificate ("compliance" or "it").
  CommandResult Ctl(std::vector<std::string> arguments, const std::string& who = "compliance") const;
  /// The same with --json: one JSON value a line.
  absl::StatusOr<std::vector<nlohmann::json>> CtlJson(std::vector<std::string> arguments,
                                                      const std::string& who = "compliance") const;
  /// What a verifier takes to check the archive, against a head that was saved before.
  std::vector<std::string> VerifyArguments(const std::string& head_file, bool full) const;
  /// Saves the present tree head; returns the file.
  absl::StatusOr<std::string> SaveHead();

  /// All calls ended and nothing waiting to be replicated: what was sent can be asked for.
  bool WaitUntilSettled(size_t calls, absl::Duration timeout) const;

  std::string archive() const { return folder_ + "/archive"; }
  std::string spool() const { return folder_ + "/node/spool"; }
  std::string folder() const { return folder_; }
  std::string certificates() const { return folder_ + "/tls"; }
  TcpRelay& relay() { return *relay_; }
  Process& node() { return *node_; }
  Process& coordinator() { return *coordinator_; }

 private:
  explicit Cluster(const ClusterOptions& options);
  [[nodiscard]] absl::Status MakeCertificates();
  void WriteConfigs();
  std::string Variant(const std::string& program) const;
  std::vector<std::string> CommandOf(const std::string& program, const std::string& config) const;
  void SeeNode(const nlohmann::json& ports);
  [[nodiscard]] absl::Status Begin(const std::string& program, std::unique_ptr<Process>& process,
                                   const std::vector<std::string>& environment = {});
  /// The ports that it says when it is ready.
  absl::StatusOr<nlohmann::json> Await(const std::string& program, Process& process) const;
  std::string ReadyFile(const std::string& program) const;

  ClusterOptions options_;
  std::unique_ptr<TemporaryFolder> own_folder_;
  std::string folder_;
  PortSlot ports_;
  std::unique_ptr<TcpRelay> relay_;
  std::unique_ptr<Process> coordinator_;
  std::unique_ptr<Process> node_;
  uint16_t coordinator_port_ = 0;
  uint16_t coordinator_metrics_port_ = 0;
  uint16_t sip_port_ = 0;
  uint16_t node_metrics_port_ = 0;
  uint64_t node_ready_file_ = 0;  // Its inode: each start makes a new one.
};

/// Value of one sample, e.g. `turret_rtp_packets_received_total` or with labels `…{reason="rtcp"}`; 0 when
/// absent.
double MetricValue(const std::string& metrics, const std::string& sample);
/// Sum over all samples of a metric name.
double MetricSum(const std::string& metrics, const std::string& name);
/// GET http://127.0.0.1:port/path.
std::string HttpGet(uint16_t port, const std::string& path);

}  // namespace turret::test
