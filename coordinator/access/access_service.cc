#include "coordinator/access/access_service.h"

#include <filesystem>
#include <utility>

#include "coordinator/coverage/coverage.h"
#include "coordinator/export/export.h"
#include "coordinator/ingest/access_entry.h"
#include "coordinator/replay/replay.h"
#include "coordinator/search/search.h"
#include "proto/rpc/status_codes.h"

namespace turret::coordinator {
namespace {

// A09: who searched for what is in the ledger before the first result is told.
absl::Status RecordSearch(Archive& archive, const Peer& peer, const v1::FindCallsRequest& request) {
  v1::Accessed accessed;
  accessed.set_detail(request.ShortDebugString());  // Sealed, as all of the body.
  if (!request.call_id().empty()) accessed.add_call_ids(request.call_id());
  return RecordAccess(archive, v1::Accessed::SEARCHED, peer.common_name, peer.certificate_digest,
                      std::move(accessed))
      .status();
}

absl::Status Written(bool ok) { return ok ? absl::OkStatus() : absl::CancelledError("the client went away"); }

template <class Reply>
grpc::Status Answer(absl::StatusOr<Reply> made, Reply* reply) {
  if (!made.ok()) return ToGrpc(made.status());
  *reply = *std::move(made);
  return grpc::Status::OK;
}

}  // namespace

AccessService::AccessService(Archive& archive, AccessRefusals& refusals, CoordinatorMetrics& metrics,
                             std::string scratch)
    : archive_(archive), refusals_(refusals), metrics_(metrics), scratch_(std::move(scratch)) {}

grpc::Status AccessService::FindCalls(grpc::ServerContext* context, const v1::FindCallsRequest* request,
                                      grpc::ServerWriter<v1::CallSummary>* writer) {
  const absl::StatusOr<Peer> peer = Authorise(*context, "FindCalls", Right::kListen, refusals_);
  if (!peer.ok()) return ToGrpc(peer.status());
  const auto calls = coordinator::FindCalls(archive_.index(), *request);
  if (!calls.ok()) return ToGrpc(calls.status());
  if (absl::Status recorded = RecordSearch(archive_, *peer, *request); !recorded.ok())
    return ToGrpc(recorded);
  metrics_.Accessed("searched");
  for (const v1::CallSummary& call : *calls)
    if (!writer->Write(call)) break;
  return grpc::Status::OK;
}

grpc::Status AccessService::Play(grpc::ServerContext* context, const v1::PlayRequest* request,
                                 grpc::ServerWriter<v1::PlayChunk>* writer) {
  const absl::StatusOr<Peer> peer = Authorise(*context, "Play", Right::kListen, refusals_);
  if (!peer.ok()) return ToGrpc(peer.status());
  return ToGrpc(coordinator::Play(archive_, *request, peer->common_name, peer->certificate_digest,
                                  [&, counted = false](const v1::PlayChunk& chunk) mutable {
                                    if (!std::exchange(counted, true)) metrics_.Accessed("replayed");
                                    return Written(writer->Write(chunk));
                                  }));
}

grpc::Status AccessService::Coverage(grpc::ServerContext* context, const v1::CoverageRequest* request,
                                     v1::CoverageReport* report) {
  const absl::StatusOr<Peer> peer = Authorise(*context, "Coverage", Right::kOversee, refusals_);
  if (!peer.ok()) return ToGrpc(peer.status());
  return Answer(coordinator::Coverage(archive_.index(), *request, archive_.clock().Utc()), report);
}

grpc::Status AccessService::GetTreeHead(grpc::ServerContext* context, const v1::TreeHeadRequest*,
                                        v1::TreeHead* head) {
  const absl::StatusOr<Peer> peer = Authorise(*context, "GetTreeHead", Right::kOversee, refusals_);
  if (!peer.ok()) return ToGrpc(peer.status());
  *head = archive_.ledger().Head();
  return grpc::Status::OK;
}

grpc::Status AccessService::Export(grpc::ServerContext* context, const v1::ExportRequest* request,
                                   grpc::ServerWriter<v1::ExportChunk>* writer) {
  const absl::StatusOr<Peer> peer = Authorise(*context, "Export", Right::kListen, refusals_);
  if (!peer.ok()) return ToGrpc(peer.status());
  return ToGrpc(coordinator::Export(archive_, *request, peer->common_name, peer->certificate_digest,
                                    [&, counted = false](const v1::ExportChunk& chunk) mutable {
                                      if (!std::exchange(counted, true)) metrics_.Accessed("exported");
                                      return Written(writer->Write(chunk));
                                    }));
}

grpc::Status AccessService::ListLines(grpc::ServerContext* context, const v1::ListLinesRequest*,
                                      grpc::ServerWriter<v1::Line>* writer) {
  const absl::StatusOr<Peer> peer = Authorise(*context, "ListLines", Right::kOversee, refusals_);
  if (!peer.ok()) return ToGrpc(peer.status());
  const v1::EnrolmentChanged enrolment = archive_.enrolment();
  for (const v1::Line& line : enrolment.lines())
    if (!writer->Write(line)) break;
  return grpc::Status::OK;
}

grpc::Status AccessService::CheckIndex(grpc::ServerContext* context, const v1::CheckIndexRequest*,
                                       v1::CheckIndexReport* report) {
  const absl::StatusOr<Peer> peer = Authorise(*context, "CheckIndex", Right::kOversee, refusals_);
  if (!peer.ok()) return ToGrpc(peer.status());
  absl::MutexLock lock(&check_mutex_);
  std::error_code ignored;
  std::filesystem::remove_all(scratch_, ignored);
  absl::StatusOr<v1::CheckIndexReport> made = archive_.CheckIndex(scratch_);
  std::filesystem::remove_all(scratch_, ignored);
  return Answer(std::move(made), report);
}

}  // namespace turret::coordinator
