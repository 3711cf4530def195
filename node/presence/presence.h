// Presence: once an interval the node states what it listened on and which channels were in session. Lines
// that were not busy were idle. The record goes to the spool like everything else, and becomes one ledger
// entry.
//
// Every instant that ends up in the books (an answer, an end, an interval's bound) is taken here, under one
// lock, and never runs backwards: so no presence record can state as idle what a call states as its own, and
// the records of a run abut to the nanosecond also when the wall clock is set.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/base/clock.h"
#include "storage/base/ids.h"
#include "storage/base/random.h"
#include "turret/v1/capture.pb.h"

namespace turret::node {

/// What a presence record states besides the lines.
struct NodeCounts {
  v1::PacketCounts packets;
  uint32_t sessions = 0;
  ClockState clock{};
};

/// Thread-safe.
class Presence {
 public:
  Presence(NodeId node, RunId run, Clock& clock ABSL_ATTRIBUTE_LIFETIME_BOUND,
           Random& random ABSL_ATTRIBUTE_LIFETIME_BOUND);

  /// The node listens under this enrolment from now on; closes the running interval. Returns the record to
  /// append, none if no interval was running.
  std::vector<v1::Fact> SetEnrolment(uint64_t version, const NodeCounts& counts);
  /// A call occupies both channels of its lines from its answer to its end. Returns the instant, whole
  /// nanoseconds.
  absl::Time Begin(const std::vector<LineId>& lines);
  absl::Time End(const std::vector<LineId>& lines);
  /// The instant that a fact about a running call carries.
  absl::Time Now();
  void CountRefused(std::string_view reason);
  /// Closes the running interval and begins the next. Returns the record to append, none when the node does
  /// not listen or no time has passed.
  std::vector<v1::Fact> Close(const NodeCounts& counts);
  /// The same, and the node listens no more.
  std::vector<v1::Fact> Stop(const NodeCounts& counts);

 private:
  struct Busy {
    int sessions = 0;
    absl::Time since;
    std::vector<v1::Interval> done;
  };
  absl::Time Tick() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<v1::Fact> CloseLocked(absl::Time at, const NodeCounts& counts)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FillBusy(absl::Time at, v1::Presence& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const NodeId node_;
  const RunId run_;
  Clock& clock_;
  Random& random_;
  absl::Mutex mutex_;
  bool first_ ABSL_GUARDED_BY(mutex_) = true;
  bool listening_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t version_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time begin_ ABSL_GUARDED_BY(mutex_);
  absl::Time latest_ ABSL_GUARDED_BY(mutex_) = absl::UnixEpoch();
  std::map<LineId, Busy> busy_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, uint64_t> refused_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace turret::node
