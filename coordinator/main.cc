// turret-coordinator: owns enrolment, archive, ledger, keys and index; takes in what nodes replicate, answers
// people.
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <iostream>

#include "CLI/CLI.hpp"
#include "coordinator/access/access_service.h"
#include "coordinator/config.h"
#include "coordinator/enrolment/enrolment_file.h"
#include "coordinator/ingest/archive.h"
#include "coordinator/ingest/replication_service.h"
#include "fmt/format.h"
#include "monitoring/metrics.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"
#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/base/random.h"
#include "storage/base/secret.h"
#include "storage/base/status.h"

namespace turret::coordinator {
namespace {

constexpr timespec kTick{2, 0};

void LogAsJson() {
  auto logger = spdlog::stderr_logger_mt("coordinator");
  logger->set_pattern(
      R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","program":"turret-coordinator","message":"%v"})",
      spdlog::pattern_time_type::utc);
  spdlog::set_default_logger(logger);
}

absl::StatusOr<std::string> ReadPassphrase(Environment& environment, const std::string& path) {
  TURRET_ASSIGN_OR_RETURN(Buffer raw, environment.ReadAll(path));
  const std::string_view text = AsText(raw);
  std::string passphrase(text.substr(0, text.find('\n')));
  Wipe(raw);
  return passphrase;
}

absl::StatusOr<v1::EnrolmentChanged> ReadEnrolment(Environment& environment, const std::string& path) {
  TURRET_ASSIGN_OR_RETURN(const Buffer raw, environment.ReadAll(path));
  absl::StatusOr<v1::EnrolmentChanged> parsed = ParseEnrolment(AsText(raw));
  if (!parsed.ok())
    return absl::InvalidArgumentError(fmt::format("{}: {}", path, std::string(parsed.status().message())));
  return parsed;
}

// Takes up the enrolment file whenever it is another one. A broken one is told and changes nothing.
class EnrolmentWatch {
 public:
  EnrolmentWatch(Environment& environment, std::string path, Archive& archive)
      : environment_(environment), path_(std::move(path)), archive_(archive) {}

  void Look(bool always) {
    std::error_code error;
    const auto changed = std::filesystem::last_write_time(path_, error);
    if (error || (changed == seen_ && !always)) return;
    seen_ = changed;
    absl::StatusOr<v1::EnrolmentChanged> document = ReadEnrolment(environment_, path_);
    if (document.ok()) document = archive_.Enrol(*document);
    if (document.ok())
      spdlog::info("enrolment version {} is in force: {} lines", document->version(), document->lines_size());
    else
      spdlog::error("enrolment not taken up, the one before stays in force: {}",
                    document.status().ToString());
  }
  void MarkSeen() {
    std::error_code ignored;
    seen_ = std::filesystem::last_write_time(path_, ignored);
  }

 private:
  Environment& environment_;
  const std::string path_;
  Archive& archive_;
  std::filesystem::file_time_type seen_;
};

// Waits for signals: HUP looks at the enrolment file, TERM and INT end. Between them a tick.
void ServeUntilSignalled(const sigset_t& signals, EnrolmentWatch& enrolment, CoordinatorMetrics& metrics,
                         const Archive& archive) {
  for (;;) {
    const int signal = sigtimedwait(&signals, nullptr, &kTick);
    if (signal == SIGTERM || signal == SIGINT) return;
    enrolment.Look(signal == SIGHUP);
    metrics.ClockDivergence(ReadClockState().divergence_max);
    if (const absl::Status health = archive.health(); !health.ok()) {
      spdlog::critical("storage failed, nothing more is taken; mend it and restart: {}", health.ToString());
      return;
    }
  }
}

absl::Status Run(const CoordinatorConfig& config, const sigset_t& signals) {
  PosixEnvironment environment;
  SystemClock clock;
  SystemRandom random;
  CoordinatorMetrics metrics;

  TURRET_ASSIGN_OR_RETURN(const v1::EnrolmentChanged document, ReadEnrolment(environment, config.enrolment));
  TURRET_ASSIGN_OR_RETURN(const std::string passphrase, ReadPassphrase(environment, config.passphrase_file));
  TURRET_ASSIGN_OR_RETURN(auto credentials, MakeServerCredentials(config.tls));
  TURRET_ASSIGN_OR_RETURN(const std::unique_ptr<Archive> archive,
                          Archive::Open({config.archive, passphrase, config.commit_interval}, environment,
                                        clock, random, metrics));
  if (const auto enrolled = archive->Enrol(document); !enrolled.ok()) return enrolled.status();
  EnrolmentWatch enrolment(environment, config.enrolment, *archive);
  enrolment.MarkSeen();

  AccessRefusals refusals(*archive, metrics);
  ReplicationService replication(*archive, refusals, metrics);
  AccessService access(*archive, refusals, metrics, JoinPath(config.archive, "index-check"));
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(config.listen, credentials, &port);
  builder.SetMaxReceiveMessageSize(kReplicationMessageBytesMax);
  builder.RegisterService(&replication);
  builder.RegisterService(&access);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0)
    return absl::UnavailableError(
        fmt::format("cannot listen on {}: is another program there?", config.listen));
  TURRET_RETURN_IF_ERROR(metrics.Serve(config.metrics));
  if (!config.ready_file.empty())
    TURRET_RETURN_IF_ERROR(environment.WriteAtomically(
        config.ready_file,
        AsBytes(fmt::format("{{\"grpc_port\": {}, \"metrics_port\": {}}}\n", port, metrics.port()))));
  spdlog::info("ready: gRPC on port {}, metrics on port {}, ledger {}", port, metrics.port(),
               archive->ledger().id().ToHex());

  ServeUntilSignalled(signals, enrolment, metrics, *archive);
  server->Shutdown(absl::ToChronoTime(clock.Utc() + absl::Seconds(2)));
  const absl::Status health = archive->health();
  const absl::Status closed = archive->Close();
  return health.ok() ? closed : health;
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

  turret::MakeProcessUndumpable();
  umask(077);
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  turret::coordinator::LogAsJson();

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
