#include "coordinator/export/export.h"

#include <algorithm>
#include <set>

#include "absl/time/time.h"
#include "coordinator/export/bag.h"
#include "coordinator/export/call_files.h"
#include "coordinator/export/cms.h"
#include "coordinator/export/metadata.h"
#include "coordinator/export/proofs.h"
#include "coordinator/export/verify_script.h"
#include "coordinator/ingest/access_entry.h"
#include "coordinator/search/search.h"
#include "fmt/format.h"
#include "storage/base/digest.h"
#include "storage/base/status.h"

namespace turret::coordinator {
namespace {

constexpr int kCallsMax = 10'000;

absl::Status CheckRequest(const v1::ExportRequest& request) {
  TURRET_RETURN_IF_ERROR(CheckReason(request.reason(), "anything leaves"));
  if (request.call_ids().empty() || request.call_ids_size() > kCallsMax)
    return absl::InvalidArgumentError(
        fmt::format("{} calls: want 1 to {}", request.call_ids_size(), kCallsMax));
  return absl::OkStatus();
}

// Each call once, in the order asked for.
absl::StatusOr<std::vector<ExportedCall>> LoadCalls(const Index& index, const v1::ExportRequest& request) {
  std::vector<ExportedCall> calls;
  std::set<CallId> seen;
  for (const std::string& raw : request.call_ids()) {
    TURRET_ASSIGN_OR_RETURN(const CallId id, CallId::FromProto(raw));
    if (!seen.insert(id).second) continue;
    const absl::StatusOr<v1::CallSummary> summary = Summarise(index, id);
    if (absl::IsNotFound(summary.status()))
      return absl::NotFoundError(fmt::format("call {}: no such call", id.ToHex()));
    if (!summary.ok()) return summary.status();
    TURRET_ASSIGN_OR_RETURN(const v1::CallRow row, index.Call(id));
    calls.push_back({*summary, {row.entries().begin(), row.entries().end()}});
  }
  return calls;
}

v1::Accessed AccessTo(const v1::ExportRequest& request, const ExportSigner& signer, const ExportId& id) {
  v1::Accessed accessed;
  *accessed.mutable_call_ids() = request.call_ids();
  accessed.set_reason(request.reason());
  accessed.set_detail(fmt::format("export certificate sha256:{}", signer.certificate_digest()));
  accessed.set_export_id(id.ToProto());
  return accessed;
}

BagWriter::Info InfoOf(const Archive& archive, const v1::ExportRequest& request, const std::string& who,
                       const ExportId& id, const ExportSigner& signer, const v1::TreeHead& head,
                       size_t calls) {
  return {{"Bagging-Date", UtcDay(archive.clock().Utc())},
          {"External-Identifier", id.ToHex()},
          {"External-Description", fmt::format("{} recorded calls, with proofs", calls)},
          {"Contact-Name", who},
          {"Internal-Sender-Description", request.reason()},
          {"Bag-Software-Agent", "turret-recorder"},
          {"Turret-Ledger", archive.ledger().id().ToHex()},
          {"Turret-Ledger-Key", ToHex(archive.ledger().public_key())},
          {"Turret-Tree-Size", fmt::format("{}", head.size())},
          {"Turret-Certificate", signer.certificate_digest()},
          {"Turret-Claim", "audit-trail, unwitnessed"}};
}

absl::StatusOr<ExportSigner> OpenSigner(Archive& archive) {
  return ExportSigner::Open(archive.key_tree(), archive.ledger().id().ToHex(),
                            absl::ToUnixNanos(archive.clock().Utc()));
}

absl::Status WriteTables(const std::vector<ExportedCall>& calls, BagWriter& bag) {
  std::vector<v1::CallSummary> summaries;
  summaries.reserve(calls.size());
  for (const ExportedCall& call : calls) summaries.push_back(call.summary);
  TURRET_RETURN_IF_ERROR(bag.File("data/calls.csv", AsBytes(CallsCsv(summaries))));
  return bag.File("data/gaps.csv", AsBytes(GapsCsv(summaries)));
}

}  // namespace

absl::Status Export(Archive& archive, const v1::ExportRequest& request, const std::string& who,
                    const std::string& certificate_digest, const ExportSink& sink) {
  TURRET_RETURN_IF_ERROR(CheckRequest(request));
  TURRET_ASSIGN_OR_RETURN(const std::vector<ExportedCall> calls, LoadCalls(archive.index(), request));
  TURRET_ASSIGN_OR_RETURN(const ExportSigner signer, OpenSigner(archive));
  SystemRandom random;  // An id, and no part of what a test must repeat.
  const ExportId id = ExportId::Make(random);
  TURRET_ASSIGN_OR_RETURN(
      const uint64_t entry,
      RecordAccess(archive, v1::Accessed::EXPORTED, who, certificate_digest, AccessTo(request, signer, id)));
  BagWriter bag(sink);
  ProofWriter proofs(archive, bag);
  proofs.AddEntry(entry, "export");
  const auto total = static_cast<uint32_t>(calls.size());
  bag.SetProgress(0, total);
  for (uint32_t i = 0; i < total; ++i) {
    TURRET_RETURN_IF_ERROR(WriteCall(archive, calls[i], bag, proofs));
    bag.SetProgress(i + 1, total);
  }
  TURRET_RETURN_IF_ERROR(WriteTables(calls, bag));
  TURRET_ASSIGN_OR_RETURN(const v1::TreeHead head, proofs.Finish());
  return bag.Finish(InfoOf(archive, request, who, id, signer, head, calls.size()), signer,
                    absl::ToUnixNanos(archive.clock().Utc()));
}

absl::StatusOr<std::string> ExportCertificateDigest(Archive& archive) {
  TURRET_ASSIGN_OR_RETURN(const ExportSigner signer, OpenSigner(archive));
  return signer.certificate_digest();
}

std::string VerifyScriptDigest() { return ToHex(Sha256(AsBytes(kVerifyScript))); }

}  // namespace turret::coordinator
