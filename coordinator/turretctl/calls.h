#pragma once

#include <string>

#include "absl/status/status.h"
#include "coordinator/turretctl/session.h"

namespace turret::turretctl {

struct CallsOptions {
  std::string trader;
  std::string line;
  std::string party;
  std::string from;
  std::string until;
  std::string id;
  uint32_t limit = 0;  // 0: 1,000.
};

/// Prints the calls that fit, or with `id` all that is known of one.
[[nodiscard]] absl::Status RunCalls(Session& session, const CallsOptions& options);

}  // namespace turret::turretctl
