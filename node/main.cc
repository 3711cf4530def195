// turret-node: records what trading lines say. The parts below stand in the order of the data's way.
#include <malloc.h>
#include <signal.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <iostream>

#include "CLI/CLI.hpp"
#include "fmt/format.h"
#include "monitoring/json_log.h"
#include "monitoring/metrics.h"
#include "monitoring/service_manager.h"
#include "node/config.h"
#include "node/encode/pipeline.h"
#include "node/housekeeper.h"
#include "node/presence/enrolment_cache.h"
#include "node/presence/presence.h"
#include "node/receive/ephemeral_ports.h"
#include "node/receive/receiver.h"
#include "node/replicate/node_key.h"
#include "node/replicate/replicator.h"
#include "node/session/lost_calls.h"
#include "node/session/session_journal.h"
#include "node/session/sip_server.h"
#include "node/sockets/kept_sockets.h"
#include "node/spool/spool.h"
#include "proto/rpc/credentials.h"
#include "spdlog/spdlog.h"
#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/base/process_limits.h"
#include "storage/base/process_memory.h"
#include "storage/base/random.h"
#include "storage/base/secret.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

constexpr absl::Duration kDrainTimeout = absl::Seconds(20);
constexpr int kFlushAttempts = 100;
constexpr absl::Duration kFlushInterval = absl::Milliseconds(5);
constexpr absl::Duration kFirstWelcomeTimeout = absl::Seconds(5);

absl::StatusOr<NodeId> LoadOrMakeNodeId(Environment& environment, const std::string& directory,
                                        Random& random) {
  const std::string path = JoinPath(directory, "node-id");
  const absl::StatusOr<Buffer> stored = environment.ReadAll(path);
  if (stored.ok()) return NodeId::FromHex(AsText(*stored).substr(0, 2 * kIdBytes));
  if (!absl::IsNotFound(stored.status())) return stored.status();
  const NodeId id = NodeId::Make(random);
  TURRET_RETURN_IF_ERROR(environment.WriteAtomically(path, AsBytes(id.ToHex() + "\n")));
  return id;
}

constexpr std::array kSignals = {SIGTERM, SIGINT, SIGUSR2};
constexpr std::string_view kSignalsHelp = R"(Signals:
  SIGTERM, SIGINT  ends all calls, replicates what it can, stops
  SIGUSR2          leaves at once without ending a call: the next process goes on with them. With their sockets kept
                   (systemd, or turret-socket-store) no packet is lost: this is how it is upgraded

)";

// Which one; 0: none in this time.
int WaitForSignal(const sigset_t& signals, absl::Duration timeout) {
  const timespec wait = absl::ToTimespec(timeout);
  return std::max(0, sigtimedwait(&signals, nullptr, &wait));
}

// Blocks of a megabyte come and go. Given back to the kernel each time, their pages would be locked and
// cleared anew: most of what reading a spool costs.
void KeepFreedMemory() {
  mallopt(M_MMAP_THRESHOLD, 8 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

// Nothing ends: all that was received and said is on disk, and the next process goes on with it, as after a
// crash.
[[noreturn]] void Leave(SipServer& sip, Receiver& receiver, Spool& spool, Presence& presence,
                        Housekeeper& housekeeper, KeptSockets& kept, const sigset_t& signals) {
  const uint32_t sessions = sip.sessions();
  absl::Status left = sip.Leave();
  receiver.Leave();
  housekeeper.Append(presence.Stop(housekeeper.Counts(sessions)));
  absl::Status committed = spool.Commit();
  if (!committed.ok()) committed = spool.Commit();  // Into a new extent.
  left.Update(committed);
  for (int attempt = 0; kept.Flush() > 0 && attempt < kFlushAttempts; ++attempt)
    (void)WaitForSignal(signals, kFlushInterval);  // The store takes some at a time.
  if (left.ok())
    spdlog::info("left: {} calls go on in the next process", sessions);
  else
    spdlog::error("left, and the last packets are not on disk: {}", left.ToString());
  std::_Exit(left.ok() ? 0 : 1);
}

// Waits for the coordinator when a reboot took the key. Cancelled when a signal came meanwhile.
absl::StatusOr<SecretKey> OwnKey(const NodeConfig& config, const NodeKeyOptions& options,
                                 Environment& environment,
                                 const std::shared_ptr<grpc::ChannelCredentials>& credentials, Clock& clock,
                                 Random& random, const ServiceManager& manager, const sigset_t& signals) {
  const auto stopped_within = [&](absl::Duration wait) {
    (void)manager.Send(
        "EXTEND_TIMEOUT_USEC=30000000\nSTATUS=waiting for the coordinator to open the node key");
    return WaitForSignal(signals, wait) != 0;
  };
  absl::StatusOr<SecretKey> key =
      ObtainNodeKey(options, environment, credentials, clock, random, stopped_within);
  if (!key.ok()) return key;
  if (const absl::Status kept = KeepFileOffSwap(config.node_key); !kept.ok())
    spdlog::warn("{}", kept.ToString());
  return key;
}

// Errors: FailedPrecondition and InvalidArgument when it is not our archive that speaks.
absl::Status TakeWelcome(const v1::Welcome& welcome, const SecretKey& node_key, const Clock& clock,
                         EnrolmentCache& cache, SealedNodeKeyFile& sealed_key) {
  absl::Status updated = cache.Update(welcome);
  if (absl::IsFailedPrecondition(updated) || absl::IsInvalidArgument(updated)) return updated;
  if (!updated.ok()) spdlog::error("what the coordinator told is not stored: {}", updated.ToString());
  const auto intake = cache.For(UtcDay(clock.Utc()));
  const absl::Status sealed = intake.ok() ? sealed_key.Renew(node_key, *intake) : intake.status();
  if (!sealed.ok())
    spdlog::error("after a reboot the spool would stay closed, the node key is not sealed: {}",
                  sealed.ToString());
  return absl::OkStatus();
}

// With the calls ended that an earlier process left without a session to go on in.
absl::StatusOr<std::unique_ptr<SessionJournal>> OpenJournal(const std::string& directory,
                                                            Environment& environment, SecretKey node_key,
                                                            Random& random, Spool& spool,
                                                            NodeMetrics& metrics) {
  TURRET_ASSIGN_OR_RETURN(auto journal,
                          SessionJournal::Open(environment, directory, std::move(node_key), random));
  if (journal->files_unopened() > 0) {
    spdlog::critical(
        "the session journal does not open under this node key: it is kept aside, its calls end");
    metrics.BrokenInvariant("session_journal_opens");
  }
  TURRET_ASSIGN_OR_RETURN(const int lost_calls, EndLostCalls(spool, *journal, random));
  if (lost_calls > 0)
    spdlog::warn("{} calls had no end in the spool: they end where their evidence ends", lost_calls);
  return journal;
}

absl::StatusOr<std::unique_ptr<Receiver>> OpenReceiver(const NodeConfig& config,
                                                       const SessionJournal& journal, const Clock& clock,
                                                       KeptSockets& kept, Spool& spool,
                                                       NodeMetrics& metrics) {
  ReceiverOptions options;
  options.kept = &kept;
  options.bind_address = config.rtp_address;
  options.port_min = config.rtp_port_min;
  options.port_max = config.rtp_port_max;
  if (const auto ephemeral = ReadEphemeralPorts())
    if (const std::string warning =
            WarnOfEphemeralPorts({config.rtp_port_min, config.rtp_port_max}, *ephemeral);
        !warning.empty())
      spdlog::warn(warning);
  TURRET_ASSIGN_OR_RETURN(auto receiver, Receiver::Create(options, spool, metrics));
  const absl::Time now = clock.Utc();
  for (const auto& [port, freed_utc_ns] : journal.Freed(absl::ToUnixNanos(now)))
    receiver->Rest(port, now - absl::FromUnixNanos(freed_utc_ns));
  return receiver;
}

// A node that knows its archive starts at once; a new one gives the coordinator a moment. False: a signal
// came.
bool WaitForFirstWelcome(const EnrolmentCache& cache, const NodeConfig& config, const sigset_t& signals) {
  for (absl::Duration waited; !cache.ready() && waited < kFirstWelcomeTimeout;
       waited += absl::Milliseconds(50))
    if (WaitForSignal(signals, absl::Milliseconds(50)) != 0) return false;
  if (!cache.ready())
    spdlog::warn(
        "coordinator {} does not answer, and its keys are not known: calls are refused until it does",
        config.coordinator);
  return true;
}

absl::Status SayReady(const NodeConfig& config, const SipServer& sip, const NodeMetrics& metrics, NodeId node,
                      const ServiceManager& manager, Environment& environment) {
  if (!config.ready_file.empty())
    TURRET_RETURN_IF_ERROR(environment.WriteAtomically(
        config.ready_file,
        AsBytes(fmt::format("{{\"sip_port\": {}, \"sip_tcp_port\": {}, \"metrics_port\": {}}}\n",
                            sip.udp_port() != 0 ? sip.udp_port() : sip.tcp_port(), sip.tcp_port(),
                            metrics.port()))));
  if (const absl::Status told = manager.Send("READY=1"); !told.ok()) spdlog::warn("{}", told.ToString());
  spdlog::info("ready: SIP on UDP port {} and TCP port {}, metrics on port {}, node {}", sip.udp_port(),
               sip.tcp_port(), metrics.port(), node.ToHex());
  return absl::OkStatus();
}

int ServeUntilSignal(const SipServer& sip, const EnrolmentCache& cache, Presence& presence,
                     Housekeeper& housekeeper, const sigset_t& signals) {
  uint64_t listening_under = 0;
  int signal = 0;
  for (; signal == 0; signal = WaitForSignal(signals, housekeeper.Wait())) {
    if (const auto enrolment = cache.enrolment(); cache.ready() && enrolment->version() != listening_under) {
      listening_under = enrolment->version();
      housekeeper.Append(presence.SetEnrolment(listening_under, housekeeper.Counts(sip.sessions())));
    }
    housekeeper.Tick(sip.sessions());
  }
  return signal;
}

absl::Status Run(const NodeConfig& config, const sigset_t& signals, std::vector<NamedDescriptor> passed) {
  PosixEnvironment environment;
  SystemClock clock;
  SystemRandom random;
  NodeMetrics metrics;
  const auto state = [&](std::string_view name) { return JoinPath(config.state_directory, name); };

  TURRET_RETURN_IF_ERROR(environment.CreateDirectories(config.state_directory));
  TURRET_ASSIGN_OR_RETURN(const NodeId node, LoadOrMakeNodeId(environment, config.state_directory, random));
  const RunId run = RunId::Make(random);
  TURRET_ASSIGN_OR_RETURN(const auto credentials, MakeChannelCredentials(config.tls));
  TURRET_ASSIGN_OR_RETURN(const std::string common_name, OwnCommonName(config.tls));
  const ServiceManager manager = ServiceManager::FromEnvironment();
  const NodeKeyOptions key_options{config.node_key, state("node-key.sealed"), config.coordinator, node,
                                   common_name};
  absl::StatusOr<SecretKey> obtained =
      OwnKey(config, key_options, environment, credentials, clock, random, manager, signals);
  if (absl::IsCancelled(obtained.status())) return absl::OkStatus();
  TURRET_ASSIGN_OR_RETURN(const SecretKey node_key, std::move(obtained));
  SealedNodeKeyFile sealed_key(key_options, environment, random);
  TURRET_ASSIGN_OR_RETURN(const auto cache, EnrolmentCache::Open(environment, state("enrolment.sealed"),
                                                                 node_key.Clone(), random));

  TURRET_ASSIGN_OR_RETURN(
      const auto replicator,
      Replicator::Create({.coordinator_address = config.coordinator, .node = node, .run = run}, credentials,
                         metrics, clock, [&](const v1::Welcome& welcome) {
                           return TakeWelcome(welcome, node_key, clock, *cache, sealed_key);
                         }));
  SpoolOptions spool_options;
  spool_options.directory = config.spool_directory;
  spool_options.bytes_max = config.spool_bytes_max;
  TURRET_ASSIGN_OR_RETURN(const auto spool,
                          Spool::Open(spool_options, environment, node_key.Clone(), clock, random));
  TURRET_ASSIGN_OR_RETURN(const auto journal, OpenJournal(state("sessions"), environment, node_key.Clone(),
                                                          random, *spool, metrics));
  spool->Start();

  KeptSockets kept(manager, std::move(passed));
  TURRET_ASSIGN_OR_RETURN(const auto receiver, OpenReceiver(config, *journal, clock, kept, *spool, metrics));
  TURRET_ASSIGN_OR_RETURN(const auto pipeline,
                          Pipeline::Create({.workers = config.workers, .node = node}, *spool, *cache,
                                           *replicator, metrics, clock, random));
  Presence presence(node, run, clock, random);
  Housekeeper housekeeper(config, clock, *spool, *journal, *pipeline, *replicator, presence, metrics);

  TURRET_RETURN_IF_ERROR(metrics.Serve(config.metrics));
  replicator->Start();
  if (!WaitForFirstWelcome(*cache, config, signals)) return absl::OkStatus();
  const SessionParts parts{
      *spool, *receiver, presence, *cache, metrics, clock, random, node, config.rtp_advertised};
  TURRET_ASSIGN_OR_RETURN(const auto sip,
                          SipServer::Start({.udp = config.sip_udp, .tcp = config.sip_tcp}, parts, *journal));
  if (const size_t unclaimed = kept.CloseUnclaimed(); unclaimed > 0)
    spdlog::warn("{} media ports were kept for streams that are over: closed", unclaimed);
  // Ready when what waited in the kept sockets is durable: who kills us then loses none of it.
  receiver->ReadWaiting();
  if (const absl::Status committed = spool->Commit(); !committed.ok())
    spdlog::error("spool: {}", committed.ToString());
  pipeline->Start();  // Behind the calls: what an earlier process left must not hold them up.
  TURRET_RETURN_IF_ERROR(SayReady(config, *sip, metrics, node, manager, environment));

  const int signal = ServeUntilSignal(*sip, *cache, presence, housekeeper, signals);
  if (signal == SIGUSR2) Leave(*sip, *receiver, *spool, presence, housekeeper, kept, signals);

  spdlog::info("stopping: {} calls end here", sip->sessions());
  sip->Stop(v1::CallEnded::NODE_STOPPED);
  housekeeper.Append(presence.Stop(housekeeper.Counts(0)));
  TURRET_RETURN_IF_ERROR(spool->Commit());
  const bool drained = pipeline->Stop(kDrainTimeout);
  replicator->Stop(drained ? kDrainTimeout : absl::ZeroDuration());
  if (drained) housekeeper.Trim();
  spool->Stop();
  return absl::OkStatus();
}

}  // namespace
}  // namespace turret::node

int main(int argc, char** argv) {
  std::string path;
  bool check = false;
  CLI::App app(
      "Turret recorder, capture node: a SIPREC recording server that spools, seals and replicates what lines "
      "say.");
  app.footer(std::string(turret::node::kSignalsHelp) + std::string(turret::node::kNodeConfigHelp));
  app.add_option("--config", path, "configuration file")->required();
  app.add_flag("--check", check, "read the configuration, say what is wrong, and exit");
  app.set_version_flag("--version", "turret-node 0.1.0");
  CLI11_PARSE(app, argc, argv);

  std::vector<turret::node::NamedDescriptor> passed = turret::node::TakePassedDescriptors();
  turret::RaiseDescriptorLimit();
  turret::node::KeepFreedMemory();
  const absl::Status off_disk = turret::KeepMemoryOffDisk();
  umask(077);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : turret::node::kSignals) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  turret::LogAsJson("turret-node");
  if (!off_disk.ok()) spdlog::warn("{}", off_disk.ToString());

  const auto config = turret::node::LoadNodeConfig(path);
  absl::Status status = config.status();
  if (status.ok() && check) std::cout << path << " is fine\n";
  if (status.ok() && !check) status = turret::node::Run(*config, signals, std::move(passed));
  if (status.ok()) return 0;
  std::cerr << "turret-node: " << status.message() << '\n';
  return 1;
}
