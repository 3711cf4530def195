// Times and durations as people write and read them. UTC, always.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace turret::turretctl {

/// "2026-11-24T09:30:00Z" (RFC 3339), "2026-11-24 09:30[:00[.123]]", "2026-11-24", "now", "today",
/// "yesterday", and spans before `now`: "-2h", "-3d", "-1h30m". Without a zone: UTC. Errors: InvalidArgument,
/// telling what is taken.
absl::StatusOr<absl::Time> ParseTime(std::string_view text, absl::Time now);
/// "yyyy-mm-dd" of anything that ParseTime takes.
absl::StatusOr<std::string> ParseDay(std::string_view text, absl::Time now);

/// "2026-11-24 09:30:00.123"; "-" for 0.
std::string ShowTime(int64_t utc_ns);
/// "09:30:00.123"; the end of a day, as seen from `day_ns`, is "24:00:00.000".
std::string ShowTimeOfDay(int64_t utc_ns, int64_t day_begin_utc_ns);
/// "00:03:12.345"; hours grow beyond 24.
std::string ShowDuration(int64_t ns);
/// "2026-11-24T09:30:00.123456789Z", for programs; empty for 0.
std::string Rfc3339(int64_t utc_ns);

/// `parts` in whole milliseconds (still in ns) that add up to `total_ns`, which is their sum, rounded up or
/// down to whole milliseconds: what is shown must add up to the eye. Each differs by less than one from its
/// exact value.
std::vector<int64_t> RoundToMilliseconds(const std::vector<int64_t>& parts, int64_t total_ns);

/// `ns`, cut to whole milliseconds, as ShowTime and ShowDuration show it.
int64_t CutToMilliseconds(int64_t ns);

}  // namespace turret::turretctl
