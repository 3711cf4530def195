// Presence: once an interval the node states what it listened on and which channels were in session. Lines that were
// not busy were idle. The record goes to the spool like everything else, and becomes one ledger entry.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/base/clock.h"
#include "storage/base/ids.h"
#include "storage/base/random.h"
#include "turret/v1/capture.pb.h"

namespace turret::node {

/// Thread-safe.
class Presence {
 public:
  Presence(NodeId node, RunId run, Clock& clock, Random& random);

  /// The node begins to listen under this enrolment; closes the running interval. Returns the record to append, if
  /// an interval was running.
  std::vector<v1::Fact> SetEnrolment(uint64_t version, absl::Time at);
  /// A call occupies both channels of a line from its answer to its end.
  void Begin(LineId line, absl::Time at);
  void End(LineId line, absl::Time at);
  void CountRefused(std::string_view reason);
  /// Closes the running interval at `at` and begins the next.
  std::vector<v1::Fact> Close(absl::Time at, const v1::PacketCounts& counts, uint32_t sessions);

 private:
  struct Busy {
    int sessions = 0;
    absl::Time since;
    std::vector<v1::Interval> done;
  };
  const NodeId node_;
  const RunId run_;
  Clock& clock_;
  Random& random_;
  absl::Mutex mutex_;
  bool first_ ABSL_GUARDED_BY(mutex_) = true;
  bool listening_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t version_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time begin_ ABSL_GUARDED_BY(mutex_);
  std::map<LineId, Busy> busy_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, uint64_t> refused_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace turret::node
