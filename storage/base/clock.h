// Time enters here and nowhere else.
#pragma once

#include <string>

#include "absl/time/time.h"

namespace turret {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Monotonic since boot (CLOCK_MONOTONIC_RAW): timeouts and the compliance clock. Never steps.
  virtual absl::Duration Elapsed() const = 0;
  /// Wall clock, may step: timestamps (RTS 25 Art. 3) only.
  virtual absl::Time Utc() const = 0;
};

class SystemClock final : public Clock {
 public:
  absl::Duration Elapsed() const override;
  absl::Time Utc() const override;
};

/// Distance of this machine's clock from UTC, as the kernel's time discipline estimates it (adjtimex).
struct ClockState {
  absl::Duration divergence_max;  // Kernel's maximum error; 16 s and more: nobody disciplines the clock.
  bool synchronised;
};
ClockState ReadClockState();

/// "yyyy-mm-dd" of `utc`, UTC: the day that selects volumes and key books.
std::string UtcDay(absl::Time utc);

}  // namespace turret
