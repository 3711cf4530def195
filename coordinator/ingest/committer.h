// The one thread that writes the archive. Others hand it work and are told when it is durable.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/ingest/archive.h"
#include "coordinator/ingest/group_commit.h"

namespace turret::coordinator {

inline constexpr size_t kGroupBytesMax = size_t{64} * 1024 * 1024;
inline constexpr absl::Duration kIdleTick =
    absl::Seconds(1);                        // Volumes that are due close, keys of new days appear.
inline constexpr int kIntakeDaysBehind = 1;  // A call that began before midnight names yesterday's key.
inline constexpr int kIntakeDaysAhead = 6;   // For so long a node goes on without its coordinator.

class Committer {
 public:
  struct Options {
    absl::Duration commit_interval;
    std::set<std::string> intake_keys_known;
  };
  /// Writes what is due (the intake keys of new days), then starts the thread. `on_new_keys` is called on it
  /// when the intake keys have changed.
  static absl::StatusOr<std::unique_ptr<Committer>> Start(ArchiveParts& parts ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                                          Options options, std::function<void()> on_new_keys);
  ~Committer();

  /// See Archive::Submit.
  void Submit(NodeId node, std::vector<v1::ReplicateRequest> items, Archive::Done done)
      ABSL_LOCKS_EXCLUDED(mutex_);
  /// Blocks until durable. Returns the ledger index.
  absl::StatusOr<uint64_t> Record(v1::EntryKind kind, const std::string& book_class,
                                  const v1::EntryBody& body) ABSL_LOCKS_EXCLUDED(mutex_);
  /// Runs `inspect` while nothing is being written.
  [[nodiscard]] absl::Status Between(const std::function<absl::Status()>& inspect);

  void SetOrphanClass(const std::string& orphan_class) ABSL_LOCKS_EXCLUDED(mutex_);
  /// Of yesterday to the days ahead.
  std::vector<v1::IntakeKey> IntakeKeys() const ABSL_LOCKS_EXCLUDED(mutex_);
  /// Not OK once storage has failed: nothing more is written until the archive is opened again.
  absl::Status health() const ABSL_LOCKS_EXCLUDED(mutex_);
  /// Finishes what was handed over and ends the thread. Later work is refused.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Work {
    Batch batch;
    Archive::Done done;
    size_t bytes = 0;
    RecordRequest* record = nullptr;  // Instead of a batch.
    std::function<void(const absl::Status&)> record_done;
  };
  Committer(ArchiveParts& parts, Options options, std::function<void()> on_new_keys);
  absl::Status Enqueue(Work work) ABSL_LOCKS_EXCLUDED(mutex_);
  void Run();
  std::deque<Work> NextGroup() ABSL_LOCKS_EXCLUDED(mutex_);
  bool finished() const ABSL_LOCKS_EXCLUDED(mutex_);
  [[nodiscard]] absl::Status Write(std::deque<Work>& group) ABSL_LOCKS_EXCLUDED(mutex_);
  void Fail(const absl::Status& why, std::deque<Work> group) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<std::vector<std::string>> RefreshIntakeKeys() ABSL_LOCKS_EXCLUDED(mutex_);

  ArchiveParts& parts_;
  const absl::Duration commit_interval_;
  const std::function<void()> on_new_keys_;
  std::set<std::string> intake_keys_known_;  // This and the next two: the thread's own.
  std::string intake_day_;
  absl::Duration last_begin_ = -absl::InfiniteDuration();
  absl::Mutex write_mutex_;  // Held while the archive is written.

  mutable absl::Mutex mutex_;
  std::deque<Work> queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::IntakeKey> intake_keys_ ABSL_GUARDED_BY(mutex_);
  std::string orphan_class_ ABSL_GUARDED_BY(mutex_) = "orphan";
  absl::Status health_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace turret::coordinator
