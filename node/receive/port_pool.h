// Which RTP ports are free: even ones, the least recently used first, each resting after use.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "absl/time/time.h"

namespace turret::node {

/// Not thread-safe. `now` is the monotonic clock's.
class PortPool {
 public:
  /// Even ports whose odd neighbour is not above `port_max` either.
  PortPool(uint16_t port_min, uint16_t port_max, absl::Duration rest);
  /// Nullopt when none is free.
  std::optional<uint16_t> Take(absl::Duration now);
  /// This one, whether it rests or not. False when it is taken, or none of the pool's.
  bool TakeThis(uint16_t port);
  /// Also for a port that turned out to be somebody else's.
  void Free(uint16_t port, absl::Duration now) { resting_.emplace_back(now, port); }
  /// A port that nobody took here was freed at `since`, by an earlier process.
  void Rest(uint16_t port, absl::Duration since);

 private:
  const absl::Duration rest_;
  std::deque<uint16_t> free_;
  std::deque<std::pair<absl::Duration, uint16_t>> resting_;
};

}  // namespace turret::node
