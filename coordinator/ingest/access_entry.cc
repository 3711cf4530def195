#include "coordinator/ingest/access_entry.h"

#include <utility>

#include "fmt/format.h"

namespace turret::coordinator {

absl::Status CheckReason(std::string_view reason, std::string_view before) {
  if (reason.find_first_not_of(" \t\r\n") == std::string_view::npos)
    return absl::InvalidArgumentError(
        fmt::format("a reason is required: it is written to the ledger before {}", before));
  if (reason.size() > kReasonBytesMax)
    return absl::InvalidArgumentError(
        fmt::format("reason: {} bytes, at most {}", reason.size(), kReasonBytesMax));
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> RecordAccess(Archive& archive, v1::Accessed::Action action, const std::string& who,
                                      const std::string& certificate_digest, v1::Accessed accessed) {
  accessed.set_action(action);
  accessed.set_who(who);
  accessed.set_certificate_digest(certificate_digest);
  accessed.set_utc_ns(absl::ToUnixNanos(archive.clock().Utc()));
  v1::EntryBody body;
  *body.mutable_accessed() = std::move(accessed);
  return archive.Record(v1::RESTRICTED, "access", body);
}

}  // namespace turret::coordinator
