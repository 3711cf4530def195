#pragma once

#include <string>

#include "absl/status/status.h"
#include "coordinator/turretctl/session.h"

namespace turret::turretctl {

struct PlayOptions {
  std::string call;
  std::string reason;
  std::string file;    // Empty: call-<id>.<ending>; "-": standard output.
  std::string format;  // "wav" or "opus".
  std::string raw;     // Stream: its payload as sent.
  bool force = false;
};

/// Fetches the audio of a call into a file, then prints what it is and its gaps.
[[nodiscard]] absl::Status RunPlay(Session& session, const PlayOptions& options);

}  // namespace turret::turretctl
