// What goes wrong in the spool while recording goes on, told to those who can mend it: in the log and as
// metrics.
#pragma once

#include <cstdint>

#include "absl/base/attributes.h"
#include "absl/time/time.h"
#include "monitoring/metrics.h"
#include "node/spool/spool.h"

namespace turret::node {

inline constexpr absl::Duration kSpoolAlarmRepeat =
    absl::Minutes(1);  // A broken disk fails ten commits a second.

/// Not thread-safe.
class SpoolAlarm {
 public:
  explicit SpoolAlarm(NodeMetrics& metrics ABSL_ATTRIBUTE_LIFETIME_BOUND) : metrics_(metrics) {}
  /// Call now and then; `now` is the monotonic clock's. Counts all that grew since the last call; logs failed
  /// commits when they begin, every kSpoolAlarmRepeat while they go on, and their end.
  void Observe(const SpoolStats& stats, absl::Duration now);

 private:
  void ObserveCommits(const SpoolStats& stats, absl::Duration now);

  NodeMetrics& metrics_;
  uint64_t commits_ = 0;
  uint64_t commits_failed_ = 0;
  uint64_t bytes_unreadable_ = 0;
  uint64_t extents_unopened_ = 0;
  bool failing_ = false;
  absl::Duration told_;
};

}  // namespace turret::node
