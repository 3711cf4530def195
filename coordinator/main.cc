// turret-coordinator: owns enrolment, archive, ledger, keys and index; takes in what nodes replicate, answers
// people.
#include <signal.h>
#include <sys/stat.h>

#include <iostream>

#include "CLI/CLI.hpp"
#include "coordinator/config.h"
#include "coordinator/enrolment_watch.h"
#include "coordinator/serving.h"
#include "fmt/format.h"
#include "monitoring/json_log.h"
#include "monitoring/metrics.h"
#include "monitoring/service_manager.h"
#include "proto/rpc/grpc_log.h"
#include "spdlog/spdlog.h"
#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/base/process_limits.h"
#include "storage/base/process_memory.h"
#include "storage/base/random.h"
#include "storage/base/secret.h"
#include "storage/base/status.h"
#include "storage/base/watched_environment.h"

namespace turret::coordinator {
namespace {

constexpr timespec kTick{2, 0};

// gRPC's errors are about single connections: a warning is enough. Refused handshakes are counted by reason.
void TakeGrpcLog(CoordinatorMetrics& metrics) {
  SendGrpcLogTo([&metrics](GrpcLogLevel level, std::string_view line) {
    const std::string_view refused = RefusedHandshakeReason(line);
    if (!refused.empty()) metrics.AccessRefused(refused);
    if (level == GrpcLogLevel::kError) spdlog::warn("grpc: {}", line);
  });
}

absl::StatusOr<std::string> ReadPassphrase(Environment& environment, const std::string& path) {
  TURRET_ASSIGN_OR_RETURN(Buffer raw, environment.ReadAll(path));
  const std::string_view text = AsText(raw);
  std::string passphrase(text.substr(0, text.find('\n')));
  Wipe(raw);
  return passphrase;
}

// Waits for signals: HUP looks at the enrolment file, TERM and INT end. Between them a tick.
absl::Status ServeUntilSignalled(const sigset_t& signals, Serving& serving, CoordinatorMetrics& metrics) {
  for (;;) {
    const int signal = sigtimedwait(&signals, nullptr, &kTick);
    if (signal == SIGTERM || signal == SIGINT) return serving.Stop();
    if (signal == SIGHUP) serving.ReadEnrolmentAgain();
    TURRET_RETURN_IF_ERROR(serving.Tick());
    metrics.ClockDivergence(ReadClockState().divergence_max);
  }
}

absl::Status Run(const CoordinatorConfig& config, const sigset_t& signals) {
  // gRPC logs from threads of its own until the process ends.
  static CoordinatorMetrics& metrics = *new CoordinatorMetrics;
  TakeGrpcLog(metrics);
  PosixEnvironment disk;
  WatchedEnvironment environment(disk, [](std::string_view operation, const absl::Status& why) {
    metrics.DiskError(operation);
    spdlog::error("alarm: the disk refused to {}: {}", operation, why.ToString());
  });
  SystemClock clock;
  SystemRandom random;

  TURRET_ASSIGN_OR_RETURN(const std::string passphrase, ReadPassphrase(environment, config.passphrase_file));
  TURRET_ASSIGN_OR_RETURN(const std::unique_ptr<Serving> serving,
                          Serving::Start(config, passphrase, {environment, clock, random, metrics}));
  TURRET_RETURN_IF_ERROR(metrics.Serve(config.metrics));
  if (!config.ready_file.empty())
    TURRET_RETURN_IF_ERROR(environment.WriteAtomically(
        config.ready_file, AsBytes(fmt::format("{{\"grpc_port\": {}, \"metrics_port\": {}}}\n",
                                               serving->port(), metrics.port()))));
  if (const absl::Status told = ServiceManager::FromEnvironment().Send("READY=1"); !told.ok())
    spdlog::warn("{}", told.ToString());
  spdlog::info("ready: gRPC on port {}, metrics on port {}, ledger {}", serving->port(), metrics.port(),
               serving->ledger().ToHex());
  return ServeUntilSignalled(signals, *serving, metrics);
}

}  // namespace
}  // namespace turret::coordinator

int main(int argc, char** argv) {
  std::string path;
  bool check = false;
  CLI::App app("Turret recorder, coordinator: stores what nodes record, and answers turretctl.");
  app.footer(std::string(turret::coordinator::kCoordinatorConfigHelp));
  app.add_option("--config", path, "configuration file")->required();
  app.add_flag("--check", check,
               "read the configuration and the enrolment file, say what is wrong, and exit");
  app.set_version_flag("--version", "turret-coordinator 0.1.0");
  CLI11_PARSE(app, argc, argv);

  turret::RaiseDescriptorLimit();
  const absl::Status off_disk = turret::KeepMemoryOffDisk();
  umask(077);
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  turret::LogAsJson("turret-coordinator");
  if (!off_disk.ok()) spdlog::warn("{}", off_disk.ToString());

  const auto config = turret::coordinator::LoadCoordinatorConfig(path);
  absl::Status status = config.status();
  if (status.ok() && check) {
    turret::PosixEnvironment environment;
    status = turret::coordinator::ReadEnrolment(environment, config->enrolment).status();
    if (status.ok()) std::cout << path << " and " << config->enrolment << " are fine\n";
  } else if (status.ok()) {
    status = turret::coordinator::Run(*config, signals);
  }
  if (status.ok()) return 0;
  std::cerr << "turret-coordinator: " << status.message() << '\n';
  return 1;
}
