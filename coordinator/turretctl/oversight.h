// What one sees without hearing: coverage, lines, tree heads, the index check.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "coordinator/turretctl/session.h"

namespace turret::turretctl {

struct CoverageOptions {
  std::string line;
  std::string day;
  bool intervals = false;
};
/// DataLoss, after printing, when the books do not add up.
[[nodiscard]] absl::Status RunCoverage(Session& session, const CoverageOptions& options);

/// Prints the newest signed tree head; with `save`, keeps its checkpoint in that file. DataLoss, and the file
/// stays, when the file holds a head of a longer ledger (this one was cut), or another head of the same size
/// (rewritten).
[[nodiscard]] absl::Status RunLedgerHead(Session& session, const std::string& save);

[[nodiscard]] absl::Status RunLines(Session& session);

/// DataLoss, after printing, when index and ledger differ.
[[nodiscard]] absl::Status RunIndexCheck(Session& session);

}  // namespace turret::turretctl
