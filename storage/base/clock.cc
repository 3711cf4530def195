#include "storage/base/clock.h"

#include <sys/timex.h>
#include <time.h>

#include <string>

namespace turret {
namespace {

absl::Duration Read(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return absl::DurationFromTimespec(now);
}

}  // namespace

absl::Duration SystemClock::Elapsed() const { return Read(CLOCK_MONOTONIC_RAW); }
absl::Time SystemClock::Utc() const { return absl::UnixEpoch() + Read(CLOCK_REALTIME); }

ClockState ReadClockState() {
  timex state{};
  const int answer = adjtimex(&state);
  return {absl::Microseconds(state.maxerror), answer >= 0 && answer != TIME_ERROR};
}

std::string UtcDay(absl::Time utc) { return absl::FormatTime("%Y-%m-%d", utc, absl::UTCTimeZone()); }

}  // namespace turret
