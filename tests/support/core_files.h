// Core files of running programs, taken with gdb as an engineer or a crash handler would.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/support/process.h"

namespace turret::test {

/// gcore of `pid`, now, to `path`: what the process allows in it (coredump_filter). Errors: PermissionDenied
/// when we may not trace it; Unavailable, with gdb's words.
[[nodiscard]] absl::Status TakeCore(pid_t pid, const std::string& path);

/// Waits in gdb until `pid` enters each of `functions`, one after the other; then takes two core files of it,
/// `path` with what the process allows in it and `full` with all of its own memory; then lets it go on. The
/// first breakpoint is set on return; gdb's words go to `full`.log. Errors: as TakeCore.
absl::StatusOr<std::unique_ptr<Process>> TakeCoresIn(const std::vector<std::string>& functions, pid_t pid,
                                                     const std::string& path, const std::string& full);

}  // namespace turret::test
