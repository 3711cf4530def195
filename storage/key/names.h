// What a class and a day may look like: they come from nodes, and become paths and AADs.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace turret {

inline constexpr size_t kClassBytesMax = 16;

/// A storage class or book class: 1 to 16 of [a-z0-9-], no hyphen first. Errors: InvalidArgument.
[[nodiscard]] absl::Status CheckClassName(std::string_view name);
/// "yyyy-mm-dd", a date that the calendar knows. Errors: InvalidArgument.
[[nodiscard]] absl::Status CheckDay(std::string_view day);

}  // namespace turret
