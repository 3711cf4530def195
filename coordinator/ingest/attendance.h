// Which nodes are connected, and since when the others are away.
#pragma once

#include <map>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/base/ids.h"

namespace turret::coordinator {

/// Times are elapsed time. Thread-safe.
class Attendance {
 public:
  /// A node that never came is away since `begin`: before, there was nobody that it could have come to.
  explicit Attendance(absl::Duration begin) : begin_(begin) {}

  void Arrived(const NodeId& node) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    ++nodes_[node].connections;
  }
  void Left(const NodeId& node, absl::Duration now) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    Node& known = nodes_[node];
    --known.connections;
    known.left = now;
  }
  /// Nullopt: it is connected.
  std::optional<absl::Duration> AwaySince(const NodeId& node) const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    const auto known = nodes_.find(node);
    if (known == nodes_.end()) return begin_;
    if (known->second.connections > 0) return std::nullopt;
    return known->second.left;
  }

 private:
  struct Node {
    int connections = 0;
    absl::Duration left;  // The last of them.
  };
  const absl::Duration begin_;
  mutable absl::Mutex mutex_;
  std::map<NodeId, Node> nodes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace turret::coordinator
