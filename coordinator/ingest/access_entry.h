// What every access leaves in the ledger before anything is told, played or exported (A09).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "coordinator/ingest/archive.h"
#include "turret/v1/ledger.pb.h"

namespace turret::coordinator {

inline constexpr size_t kReasonBytesMax = 4096;

/// `before`: what must not happen without a reason ("anything plays"). Errors: InvalidArgument when there is
/// none, or one that is too long.
[[nodiscard]] absl::Status CheckReason(std::string_view reason, std::string_view before);

/// Records who did what, now; the caller filled in what it was done to. Durable on return. Returns the ledger
/// index.
absl::StatusOr<uint64_t> RecordAccess(Archive& archive, v1::Accessed::Action action, const std::string& who,
                                      const std::string& certificate_digest, v1::Accessed accessed);

}  // namespace turret::coordinator
