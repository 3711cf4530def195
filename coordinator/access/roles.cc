#include "coordinator/access/roles.h"

#include "fmt/format.h"
#include "storage/base/status.h"

namespace turret::coordinator {

absl::Status CheckRight(const Peer& peer, Right right) {
  if (peer.role == "compliance") return absl::OkStatus();
  if (right == Right::kOversee && peer.role == "it") return absl::OkStatus();
  return absl::PermissionDeniedError(
      fmt::format("this needs a certificate with the role {} (organizational unit); yours has {}",
                  right == Right::kListen ? "\"compliance\"" : "\"compliance\" or \"it\"",
                  peer.role.empty() ? "none" : fmt::format("\"{}\"", peer.role)));
}

absl::StatusOr<Peer> Authorise(const grpc::ServerContextBase& context, std::string_view method, Right right,
                               AccessRefusals& refusals) {
  TURRET_ASSIGN_OR_RETURN(Peer peer, PeerOf(context));
  if (absl::Status allowed = CheckRight(peer, right); !allowed.ok()) {
    refusals.Refused(peer, std::string(method), "role", std::string(allowed.message()));
    return allowed;
  }
  return peer;
}

}  // namespace turret::coordinator
