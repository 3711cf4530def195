#include "coordinator/turretctl/times.h"

#include <algorithm>
#include <numeric>

#include "absl/time/civil_time.h"
#include "fmt/format.h"
#include "storage/base/clock.h"

namespace turret::turretctl {
namespace {

constexpr int64_t kMillisecondNs = 1'000'000;

// "2h", "3d", "1d12h": absl knows no days.
bool ParseSpan(std::string_view text, absl::Duration& span) {
  absl::Duration days;
  if (const size_t at = text.find('d'); at != std::string_view::npos) {
    int64_t count = 0;
    if (at == 0 || at > 6) return false;
    for (const char digit : text.substr(0, at)) {
      if (digit < '0' || digit > '9') return false;
      count = count * 10 + (digit - '0');
    }
    days = count * absl::Hours(24);
    text.remove_prefix(at + 1);
    if (text.empty()) {
      span = days;
      return true;
    }
  }
  absl::Duration rest;
  if (!absl::ParseDuration(absl::string_view(text.data(), text.size()), &rest) ||
      rest < absl::ZeroDuration() || rest == absl::InfiniteDuration())
    return false;
  span = days + rest;
  return true;
}

absl::Time StartOfDay(absl::Time at) {
  return absl::FromCivil(absl::CivilDay(absl::ToCivilDay(at, absl::UTCTimeZone())), absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<absl::Time> ParseTime(std::string_view text, absl::Time now) {
  if (text == "now") return now;
  if (text == "today") return StartOfDay(now);
  if (text == "yesterday") return StartOfDay(now) - absl::Hours(24);
  absl::Duration span;
  if (text.starts_with('-') && ParseSpan(text.substr(1), span)) return now - span;
  const absl::string_view given(text.data(), text.size());
  absl::Time time;
  for (const char* format : {absl::RFC3339_full, "%Y-%m-%dT%H:%M%Ez", "%Y-%m-%d", "%Y-%m-%d %H:%M",
                             "%Y-%m-%d %H:%M:%E*S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%E*S"})
    if (absl::ParseTime(format, given, absl::UTCTimeZone(), &time, nullptr) &&
        time != absl::InfiniteFuture() && time != absl::InfinitePast())
      return time;
  return absl::InvalidArgumentError(fmt::format(
      "\"{}\" is no time; write 2026-11-24T09:30:00Z, 2026-11-24, today, yesterday, or -2h for two hours ago",
      text));
}

absl::StatusOr<std::string> ParseDay(std::string_view text, absl::Time now) {
  const absl::StatusOr<absl::Time> time = ParseTime(text, now);
  if (!time.ok()) return time.status();
  return UtcDay(*time);
}

std::string ShowTime(int64_t utc_ns) {
  if (utc_ns == 0) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%E3S", absl::FromUnixNanos(utc_ns), absl::UTCTimeZone());
}

std::string ShowTimeOfDay(int64_t utc_ns, int64_t day_begin_utc_ns) {
  return ShowDuration(utc_ns - day_begin_utc_ns);
}

std::string ShowDuration(int64_t ns) {
  const char* const sign = ns < 0 ? "-" : "";
  const int64_t milliseconds = std::abs(ns) / kMillisecondNs;
  return fmt::format("{}{:02}:{:02}:{:02}.{:03}", sign, milliseconds / 3'600'000, milliseconds / 60'000 % 60,
                     milliseconds / 1000 % 60, milliseconds % 1000);
}

std::string Rfc3339(int64_t utc_ns) {
  if (utc_ns == 0) return "";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E9SZ", absl::FromUnixNanos(utc_ns), absl::UTCTimeZone());
}

int64_t CutToMilliseconds(int64_t ns) { return ns / kMillisecondNs * kMillisecondNs; }

std::vector<int64_t> RoundToMilliseconds(const std::vector<int64_t>& parts, int64_t total_ns) {
  std::vector<int64_t> rounded;
  for (const int64_t part : parts) rounded.push_back(CutToMilliseconds(part));
  const int64_t cut_ns = std::accumulate(rounded.begin(), rounded.end(), int64_t{0});
  int64_t missing = (total_ns - cut_ns) / kMillisecondNs;
  std::vector<size_t> by_remainder(parts.size());
  std::iota(by_remainder.begin(), by_remainder.end(), size_t{0});
  std::stable_sort(by_remainder.begin(), by_remainder.end(),
                   [&](size_t a, size_t b) { return parts[a] % kMillisecondNs > parts[b] % kMillisecondNs; });
  for (size_t i = 0; missing > 0 && i < by_remainder.size(); ++i, --missing)
    rounded[by_remainder[i]] += kMillisecondNs;
  return rounded;
}

}  // namespace turret::turretctl
