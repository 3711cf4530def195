// How long this machine made a small durable write wait, measured beside a test: what was received shortly
// before a kill may be missing for as long as a commit takes, and a busy disk takes longer.
#pragma once

#include <atomic>
#include <map>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace turret::test {

class DiskStalls {
 public:
  /// Writes to a file of its own in `folder` until it goes.
  explicit DiskStalls(const std::string& folder);
  ~DiskStalls();
  DiskStalls(const DiskStalls&) = delete;
  DiskStalls& operator=(const DiskStalls&) = delete;

  /// What a kill at `killed` may cost: `on_an_idle_disk`, and what the two writes around it (one under way,
  /// one waiting for it) took. Thread-safe.
  absl::Duration LossMax(absl::Time killed, absl::Duration on_an_idle_disk) const;

 private:
  void Run(const std::string& path);

  mutable absl::Mutex mutex_;
  std::map<absl::Time, absl::Duration> took_ ABSL_GUARDED_BY(mutex_);  // By their end.
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace turret::test
