// Structured logs, one JSON object a line, to stderr: for journald and whatever collects it.
#pragma once

#include <string>

namespace turret {

/// Makes it the default logger. {"time":"…Z","level":"info","program":"…","message":"…"}, whatever the
/// message holds.
void LogAsJson(const std::string& program);

}  // namespace turret
