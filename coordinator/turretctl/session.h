// What every command gets: the coordinator, the streams to write to, the time.
#pragma once

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "absl/time/time.h"
#include "coordinator/turretctl/connection.h"
#include "coordinator/turretctl/json.h"
#include "turret/v1/access.grpc.pb.h"

namespace turret::turretctl {

struct Session {
  ConnectionOptions options;
  std::unique_ptr<v1::Access::StubInterface> stub;
  std::ostream& out;  // Results.
  std::ostream& err;  // Progress and remarks.
  bool json = false;
  bool progress = false;  // `err` is a terminal.
  absl::Time now;

  absl::Status Check(const grpc::Status& status) const { return Explain(status, options); }
  void Print(const Json& json_line) { out << ToLine(json_line) << '\n'; }
};

}  // namespace turret::turretctl
