#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "storage/base/kill_point.h"

namespace turret {
namespace {

std::string Setting(const char* name) {
  const char* const setting = std::getenv(name);
  return setting == nullptr ? std::string() : std::string(setting);
}

struct Chosen {
  std::string name = Setting("TURRET_KILL_POINT");
  const std::string when = Setting("TURRET_KILL_WHEN");
  std::atomic<long> left = 1;

  Chosen() {
    const size_t colon = name.find(':');
    if (colon == std::string::npos) return;
    left = std::atol(name.c_str() + colon + 1);
    name.resize(colon);
  }
};

}  // namespace

void KillPoint(std::string_view name) {
  static Chosen chosen;
  if (chosen.name.empty() || name != chosen.name) return;
  if (!chosen.when.empty() && access(chosen.when.c_str(), F_OK) != 0) return;
  if (--chosen.left != 0) return;
  kill(getpid(), SIGKILL);
  while (true) pause();  // The signal is on its way; nothing must happen any more on this thread.
}

}  // namespace turret
