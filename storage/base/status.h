// Two macros that pass an error on.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define TURRET_RETURN_IF_ERROR(expression)                                                    \
  do {                                                                                        \
    if (absl::Status turret_status = (expression); !turret_status.ok()) return turret_status; \
  } while (false)

#define TURRET_STATUS_CONCAT_INNER(a, b) a##b
#define TURRET_STATUS_CONCAT(a, b) TURRET_STATUS_CONCAT_INNER(a, b)

/// TURRET_ASSIGN_OR_RETURN(auto value, Compute());
#define TURRET_ASSIGN_OR_RETURN(declaration, expression) \
  TURRET_ASSIGN_OR_RETURN_INNER(TURRET_STATUS_CONCAT(turret_or_, __LINE__), declaration, expression)
// NOLINTBEGIN(bugprone-macro-parentheses): a declaration takes none.
#define TURRET_ASSIGN_OR_RETURN_INNER(holder, declaration, expression) \
  auto holder = (expression);                                          \
  if (!holder.ok()) return std::move(holder).status();                 \
  declaration = *std::move(holder)
// NOLINTEND(bugprone-macro-parentheses)
