// The books of a line's day, as a table that visibly adds up.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "turret/v1/access.pb.h"

namespace turret::turretctl {

/// recorded, idle, paused and gap with times and shares, their sum beside the enrolled time, gap causes,
/// channels; with `intervals` every interval.
std::string CoverageTable(const v1::CoverageReport& report, bool intervals);

/// Adds up again here what the coordinator added up. Errors: DataLoss when a sum is not the enrolled time,
/// the intervals leave a hole or overlap, or the coordinator found evidence that contradicts itself.
[[nodiscard]] absl::Status CheckCoverage(const v1::CoverageReport& report);

}  // namespace turret::turretctl
