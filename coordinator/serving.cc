#include "coordinator/serving.h"

#include <algorithm>
#include <utility>

#include "coordinator/access/access_service.h"
#include "coordinator/enrolment_watch.h"
#include "coordinator/ingest/archive.h"
#include "coordinator/ingest/call_closer.h"
#include "coordinator/ingest/replication_service.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"
#include "storage/base/status.h"

namespace turret::coordinator {
namespace {

// From when it is used.
gpr_timespec ShutdownTime() { return gpr_time_from_seconds(2, GPR_TIMESPAN); }

// Peers that are gone without a word are noticed within seconds; nodes may ping as often.
void SetTimeouts(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // Whoever never says who he is holds no connection.
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
}

}  // namespace

// In the order that they need each other; they end in the opposite one.
struct Serving::Open {
  Open(std::unique_ptr<Archive> opened, const CoordinatorConfig& config, const Seams& seams)
      : archive(std::move(opened)),
        enrolment(seams.environment, config.enrolment, *archive),
        refusals(*archive, seams.metrics),
        replication(*archive, refusals, seams.metrics),
        closer(*archive, replication.attendance(), seams.metrics, config.close_calls_after),
        access(*archive, refusals, seams.metrics, JoinPath(config.archive, "index-check")) {}
  ~Open() {
    if (server != nullptr) server->Shutdown(ShutdownTime());
  }

  const std::unique_ptr<Archive> archive;
  EnrolmentWatch enrolment;
  AccessRefusals refusals;
  ReplicationService replication;
  CallCloser closer;
  AccessService access;
  std::unique_ptr<grpc::Server> server;
};

Serving::Serving(const CoordinatorConfig& config, std::string passphrase, Seams seams)
    : config_(config), passphrase_(std::move(passphrase)), seams_(seams), address_(config.listen) {}
Serving::~Serving() = default;

absl::StatusOr<std::unique_ptr<Serving>> Serving::Start(const CoordinatorConfig& config,
                                                        std::string passphrase, Seams seams) {
  std::unique_ptr<Serving> serving(new Serving(config, std::move(passphrase), seams));
  TURRET_ASSIGN_OR_RETURN(serving->credentials_, MakeServerCredentials(config.tls));
  TURRET_RETURN_IF_ERROR(serving->OpenArchive());
  return serving;
}

int Serving::port() const { return port_; }
LedgerId Serving::ledger() const { return open_->archive->ledger().id(); }

absl::Status Serving::OpenArchive() {
  TURRET_ASSIGN_OR_RETURN(std::unique_ptr<Archive> archive,
                          Archive::Open({config_.archive, passphrase_, config_.commit_interval},
                                        seams_.environment, seams_.clock, seams_.random, seams_.metrics));
  auto open = std::make_unique<Open>(std::move(archive), config_, seams_);
  TURRET_RETURN_IF_ERROR(open->enrolment.Begin());
  TURRET_RETURN_IF_ERROR(StartServer(*open));
  open_ = std::move(open);
  seams_.metrics.ArchiveOpen(true);
  return absl::OkStatus();
}

absl::Status Serving::StartServer(Open& open) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address_, credentials_, &port);
  builder.SetMaxReceiveMessageSize(kReplicationMessageBytesMax);
  SetTimeouts(builder);
  builder.RegisterService(&open.replication);
  builder.RegisterService(&open.access);
  open.server = builder.BuildAndStart();
  if (open.server == nullptr || port == 0)
    return absl::UnavailableError(fmt::format("cannot listen on {}: is another program there?", address_));
  port_ = port;
  // Nodes look for it where it was.
  address_ = fmt::format("{}:{}", config_.listen.substr(0, config_.listen.rfind(':')), port);
  return absl::OkStatus();
}

absl::Status Serving::Tick() {
  if (open_ != nullptr) {
    const absl::Status health = open_->archive->health();
    if (health.ok()) {
      open_->enrolment.Look();
      if (const absl::Status closed = open_->closer.Look(); !closed.ok())
        spdlog::error("alarm: calls of nodes that are away are not closed yet: {}", closed.ToString());
      return absl::OkStatus();
    }
    seams_.metrics.ArchiveOpen(false);
    spdlog::critical("alarm: storage failed, nothing is taken until the archive opens again: {}",
                     health.ToString());
    open_.reset();
    pause_ = kReopenPauseMin;
    next_try_ = seams_.clock.Elapsed();
  }
  return seams_.clock.Elapsed() < next_try_ ? absl::OkStatus() : TryAgain();
}

absl::Status Serving::TryAgain() {
  const absl::Status opened = OpenArchive();
  if (opened.ok()) {
    spdlog::warn("the archive is open again, nodes are taken in as before");
    return absl::OkStatus();
  }
  if (absl::IsDataLoss(opened)) return opened;
  spdlog::critical("alarm: the archive does not open, the next try is in {}: {}",
                   absl::FormatDuration(pause_), opened.ToString());
  next_try_ = seams_.clock.Elapsed() + pause_;
  pause_ = std::min(2 * pause_, kReopenPauseMax);
  return absl::OkStatus();
}

void Serving::ReadEnrolmentAgain() {
  if (open_ != nullptr) open_->enrolment.ReadAgain();
}

absl::Status Serving::Stop() {
  if (open_ == nullptr) return absl::UnavailableError("stopped while the archive was not open");
  open_->server->Shutdown(ShutdownTime());
  const absl::Status health = open_->archive->health();
  const absl::Status closed = open_->archive->Close();
  open_.reset();
  return health.ok() ? closed : health;
}

}  // namespace turret::coordinator
