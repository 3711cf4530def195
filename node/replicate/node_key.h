// The node's own key over a reboot. It lies on a tmpfs, and seals spool, journal and enrolment; sealed to the
// archive's intake key it lies on the disk as well, and the coordinator opens it for the node that lost it.
// Until then nobody reads what the node left: not who has its disk, and not the node.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "grpcpp/grpcpp.h"
#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/base/ids.h"
#include "storage/base/random.h"
#include "storage/base/secret.h"
#include "turret/v1/replication.pb.h"

namespace turret::node {

struct NodeKeyOptions {
  std::string path;         // Of the key in clear; gone after a reboot.
  std::string sealed_path;  // Of the sealed one, on the disk.
  std::string coordinator;  // host:port
  NodeId node;
  std::string common_name;  // Of the node's certificate.
};

/// Whether to give up, asked after each attempt; waits up to the given time.
using StopWithin = std::function<bool(absl::Duration)>;

/// The key in its file. When that is gone and a sealed one is there: what the coordinator opens, as soon as
/// it answers; written to the file. What it will never open is moved aside as *.unopened. Else a new one.
/// Errors: Cancelled when `stop` said so; as Environment.
absl::StatusOr<SecretKey> ObtainNodeKey(const NodeKeyOptions& options, Environment& environment,
                                        const std::shared_ptr<grpc::ChannelCredentials>& credentials,
                                        Clock& clock, Random& random, const StopWithin& stop);

/// Not thread-safe. `environment` and `random` must outlive it.
class SealedNodeKeyFile {
 public:
  SealedNodeKeyFile(const NodeKeyOptions& options, Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND,
                    Random& random ABSL_ATTRIBUTE_LIFETIME_BOUND)
      : options_(options), environment_(environment), random_(random) {}
  /// Seals `key` to `intake`, in place of what was there; durable on return. Does nothing when it is sealed
  /// to it already.
  [[nodiscard]] absl::Status Renew(const SecretKey& key, const v1::IntakeKey& intake);

 private:
  const NodeKeyOptions options_;
  Environment& environment_;
  Random& random_;
  std::string sealed_to_;  // Id of an intake key.
};

}  // namespace turret::node
