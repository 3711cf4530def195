#include "coordinator/turretctl/progress.h"

#include <algorithm>

#include "fmt/format.h"

namespace turret::turretctl {

std::string ShowBytes(uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  const char* unit = "B";
  for (const char* next : {"kB", "MB", "GB", "TB"}) {
    if (value < 1000) break;
    value /= 1000;
    unit = next;
  }
  return fmt::format("{:.1f} {}", value, unit);
}

void Progress::Show(const std::string& text) {
  if (!session_.progress || text == shown_) return;
  session_.err << '\r' << text
               << std::string(shown_.size() > text.size() ? shown_.size() - text.size() : 0, ' ')
               << std::flush;
  shown_ = text;
}

void Progress::Bytes(uint64_t done, uint64_t total) {
  if (total == 0) return Show(fmt::format("{}: {}", what_, ShowBytes(done)));
  const uint64_t percent = std::min<uint64_t>(
      100, static_cast<uint64_t>(100.0 * static_cast<double>(done) / static_cast<double>(total)));
  Show(fmt::format("{}: {:3} % of {}", what_, percent, ShowBytes(total)));
}

void Progress::Calls(uint32_t done, uint32_t total, uint64_t bytes) {
  Show(fmt::format("{}: {} of {} calls, {}", what_, done, total, ShowBytes(bytes)));
}

void Progress::Done() {
  if (shown_.empty()) return;
  session_.err << '\r' << std::string(shown_.size(), ' ') << '\r' << std::flush;
  shown_.clear();
}

}  // namespace turret::turretctl
