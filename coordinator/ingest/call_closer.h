// Closes the calls of nodes that do not return, with their gap.
#pragma once

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "coordinator/ingest/archive.h"
#include "coordinator/ingest/attendance.h"
#include "monitoring/metrics.h"

namespace turret::coordinator {

/// It looks at most so often: running calls may be many.
inline constexpr absl::Duration kCloserInterval = absl::Minutes(1);
/// So many segments back, audio that no progress entry tells of is looked for: nodes tell every five minutes.
inline constexpr size_t kHeldSegmentsMax = 1000;

/// A running call whose node was away for `after` gets its end from us: CallEnded, reason NODE_AWAY, as a
/// fact of no node. It states what is held of each stream, and the gap `node_down` from the last thing known
/// of it to now. It is provisional: whatever the node says of the call later counts instead (the index and
/// the books see to that), so a node that returns after all changes nothing that was recorded.
///
/// Not thread-safe. What it borrows must outlive it.
class CallCloser {
 public:
  CallCloser(Archive& archive ABSL_ATTRIBUTE_LIFETIME_BOUND,
             const Attendance& attendance ABSL_ATTRIBUTE_LIFETIME_BOUND,
             CoordinatorMetrics& metrics ABSL_ATTRIBUTE_LIFETIME_BOUND, absl::Duration after);

  /// Closes what is due; durable on return. Errors (as Archive): those calls are still running, and the next
  /// Look tries again.
  [[nodiscard]] absl::Status Look();

 private:
  absl::StatusOr<v1::ReplicateRequest> Close(const v1::CallRow& call) const;

  Archive& archive_;
  const Attendance& attendance_;
  CoordinatorMetrics& metrics_;
  const absl::Duration after_;
  absl::Duration next_look_;
};

}  // namespace turret::coordinator
