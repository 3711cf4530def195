// How much one media port may fill the spool with. What a flood brings beyond it stays in that port's own
// socket, where the kernel drops and counts it: the spool is all lines'.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace turret::node {

/// Five times what stereo L16 at 48 kHz takes, a hundred times G.711 (RFC 3551).
inline constexpr int64_t kPortBytesASecond = int64_t{1} << 20;
/// More than any socket holds of the time in which nobody read it.
inline constexpr int64_t kPortBurstBytes = int64_t{4} << 20;

/// A token bucket; full at first. Not thread-safe.
class ByteBudget {
 public:
  /// Whether more may be read at `now`, a steady clock's time.
  bool Allows(absl::Duration now) {
    const absl::Duration passed = std::clamp(now - at_, absl::ZeroDuration(), absl::Seconds(60));
    bytes_ = std::min(kPortBurstBytes, bytes_ + static_cast<int64_t>(absl::ToDoubleSeconds(passed) *
                                                                     static_cast<double>(kPortBytesASecond)));
    at_ = now;
    return bytes_ > 0;
  }
  /// Of what was read; may be more than there is, and is then waited for.
  void Spend(size_t bytes) { bytes_ -= static_cast<int64_t>(bytes); }
  bool spent() const { return bytes_ <= 0; }

 private:
  int64_t bytes_ = kPortBurstBytes;
  absl::Duration at_ = absl::ZeroDuration();
};

}  // namespace turret::node
