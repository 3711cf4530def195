// Where the coordinator is, who we are, and what its errors mean for the person at the keyboard.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/grpcpp.h"
#include "turret/v1/access.grpc.pb.h"

namespace turret::turretctl {

/// Empty: not given.
struct ConnectionOptions {
  std::string coordinator;  // host:port
  std::string ca;
  std::string certificate;
  std::string key;
};

/// Value of an environment variable; nullopt: not set.
using Environ = std::function<std::optional<std::string>(const std::string& name)>;

/// Completes what the command line gave: from TURRET_COORDINATOR, TURRET_CA, TURRET_CERT, TURRET_KEY, then
/// from `config_file` (YAML: coordinator, ca, cert, key; a relative path counts from the file's folder), or,
/// when that is empty, from ~/.config/turretctl.yaml if there is one. Errors: InvalidArgument, naming what is
/// still missing and how to give it; NotFound (config_file).
absl::StatusOr<ConnectionOptions> Complete(ConnectionOptions given, const std::string& config_file,
                                           const Environ& environ);

/// Connects on first use. Errors: as MakeChannelCredentials.
absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const ConnectionOptions& options);

/// The coordinator's status with what to do next.
absl::Status Explain(const grpc::Status& status, const ConnectionOptions& options);

/// 0 OK, 1 other failure, 2 usage, 3 not found, 4 not allowed, 5 no connection, 6 evidence is wrong
/// (DataLoss).
int ExitCode(const absl::Status& status);

}  // namespace turret::turretctl
