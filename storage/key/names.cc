#include "storage/key/names.h"

#include <algorithm>
#include <string>

#include "absl/time/civil_time.h"
#include "fmt/format.h"

namespace turret {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsClassCharacter(char c) { return (c >= 'a' && c <= 'z') || IsDigit(c) || c == '-'; }

}  // namespace

absl::Status CheckClassName(std::string_view name) {
  const bool ok = !name.empty() && name.size() <= kClassBytesMax && name.front() != '-' &&
                  std::all_of(name.begin(), name.end(), IsClassCharacter);
  if (ok) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("class name of {} bytes: want 1 to {} of a-z, 0-9 and '-'", name.size(), kClassBytesMax));
}

bool IsBookClass(std::string_view name) {
  static constexpr std::string_view kBookClasses[] = {"access", "coverage", "case", "destruction"};
  return std::find(std::begin(kBookClasses), std::end(kBookClasses), name) != std::end(kBookClasses);
}

absl::Status CheckDay(std::string_view day) {
  constexpr std::string_view kShape = "0000-00-00";
  bool ok = day.size() == kShape.size();
  for (size_t i = 0; ok && i < kShape.size(); ++i) ok = kShape[i] == '-' ? day[i] == '-' : IsDigit(day[i]);
  absl::CivilDay parsed;
  // ParseCivilTime normalises nothing: 2026-02-30 is refused.
  if (ok && absl::ParseCivilTime(std::string(day), &parsed)) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("day of {} bytes: want yyyy-mm-dd", day.size()));
}

}  // namespace turret
