// Mutual TLS for gRPC: both sides show a certificate of the cluster's own authority. Roles come from the
// subject's organizational unit (OU): "node", "coordinator", "compliance", "it".
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/grpcpp.h"

namespace turret {

struct TlsFiles {
  std::string authority;    // PEM file with the authority's certificate.
  std::string certificate;  // PEM file with our chain.
  std::string key;          // PEM file with our private key.
};

/// Renewed files are taken up without a restart. Errors: NotFound, InvalidArgument (a file that is no PEM, or
/// a key that does not fit its certificate: told before the first connection).
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(const TlsFiles& files);
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(const TlsFiles& files);

/// Common name of our own certificate, as the other end sees it; empty: none. Errors: as above.
absl::StatusOr<std::string> OwnCommonName(const TlsFiles& files);

/// Who is at the other end of a call.
struct Peer {
  std::string common_name;
  std::string role;                // OU; empty: none.
  std::string certificate_digest;  // Hex SHA-256 of the certificate (DER).
};
/// Errors: Unauthenticated when the peer showed no certificate.
absl::StatusOr<Peer> PeerOf(const grpc::ServerContextBase& context);

}  // namespace turret
