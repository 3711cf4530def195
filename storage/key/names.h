// What a class and a day may look like: they come from nodes, and become paths and AADs.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace turret {

inline constexpr size_t kClassBytesMax = 16;

/// A storage class or book class: 1 to 16 of [a-z0-9-], no hyphen first. Errors: InvalidArgument.
[[nodiscard]] absl::Status CheckClassName(std::string_view name);
/// A class of the archive's own books, which outlive calls: neither an enrolment nor a node may name it.
bool IsBookClass(std::string_view name);

/// The storage class of what must never be recorded; no node honours it yet.
inline constexpr std::string_view kNeverRecordClass = "none";

/// "yyyy-mm-dd", a date that the calendar knows. Errors: InvalidArgument.
[[nodiscard]] absl::Status CheckDay(std::string_view day);

}  // namespace turret
