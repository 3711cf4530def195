// Who may ask what. IT operates and hears nothing; compliance hears and deletes nothing.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "coordinator/ingest/access_refusals.h"
#include "grpcpp/grpcpp.h"
#include "proto/rpc/credentials.h"

namespace turret::coordinator {

enum class Right {
  kOversee,  // Coverage, tree heads, the list of lines, index checks: "it" and "compliance".
  kListen,   // Search, replay, export: "compliance" alone.
};

/// Pure. Errors: PermissionDenied, which says the role that is needed.
[[nodiscard]] absl::Status CheckRight(const Peer& peer, Right right);

/// Who asks, if they may; a refusal is counted and recorded in the ledger. Errors: Unauthenticated,
/// PermissionDenied.
absl::StatusOr<Peer> Authorise(const grpc::ServerContextBase& context, std::string_view method, Right right,
                               AccessRefusals& refusals);

}  // namespace turret::coordinator
