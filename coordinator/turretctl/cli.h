// turretctl: the command line. A gRPC client of the coordinator with a client certificate.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "coordinator/turretctl/connection.h"
#include "storage/base/clock.h"

namespace turret::turretctl {

/// What the program is given from outside. All must outlive the call.
struct Surroundings {
  const Clock& clock;
  std::ostream& out;
  std::ostream& err;
  bool terminal = false;  // `err` is one: progress is shown.
  Environ environ;
  std::function<absl::StatusOr<std::shared_ptr<grpc::Channel>>(const ConnectionOptions&)> connect = Connect;
};

/// Runs one command; `arguments` without the program's name. Returns the exit code (ExitCode()).
int Run(const std::vector<std::string>& arguments, const Surroundings& surroundings);

}  // namespace turret::turretctl
