#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/turretctl/session.h"

namespace turret::turretctl {

struct ExportOptions {
  std::vector<std::string> calls;
  std::string reason;
  std::string folder;  // Must not exist, or be empty.
};

/// Writes the bag into the folder: whole, or not at all.
[[nodiscard]] absl::Status RunExport(Session& session, const ExportOptions& options);

}  // namespace turret::turretctl
