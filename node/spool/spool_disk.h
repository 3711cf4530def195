// The spool's extents on disk: which there are, what they hold, where to write next.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "node/spool/block.h"
#include "node/spool/extent.h"
#include "storage/base/file.h"
#include "storage/base/random.h"
#include "storage/base/secret.h"

namespace turret::node {

/// Gives a snapshot to begin an extent with; null pointer: the last one goes on to count.
using SnapshotTaker = absl::FunctionRef<std::shared_ptr<const Snapshot>()>;

/// Threading: one writer calls Write and WriteSnapshot, one reader calls Read, both at once; all else from
/// any thread.
class SpoolDisk {
 public:
  struct Options {
    std::string directory;
    uint64_t bytes_max;
    uint64_t extent_bytes;
  };
  /// Takes up old extents and makes a new, empty one, durable on return: its header keeps positions growing.
  static absl::StatusOr<std::unique_ptr<SpoolDisk>> Open(
      const Options& options, Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND, SecretKey key,
      Random& random ABSL_ATTRIBUTE_LIFETIME_BOUND);

  /// Writes and syncs the blocks, which follow what was written before; durable and readable on return. A
  /// failed extent is left as it is, and all of `blocks` goes into a new one, once. After an error none of
  /// them counts.
  [[nodiscard]] absl::Status Write(std::span<const std::shared_ptr<const Block>> blocks, SnapshotTaker take);
  /// Writes and syncs it where the next block would go. After an error the one before counts.
  [[nodiscard]] absl::Status WriteSnapshot(std::shared_ptr<const Snapshot> snapshot);
  /// The last that is durable; null pointer: none.
  std::shared_ptr<const Snapshot> snapshot() const;

  /// The block that `position` lies in, or the next behind it; null pointer when there is none. Errors:
  /// DataLoss, once for each block that does not open.
  absl::StatusOr<std::shared_ptr<const Block>> Read(uint64_t position);

  /// Removes the extents that hold nothing from `position` on, nor from what the snapshot needs; not the one
  /// that is written to.
  [[nodiscard]] absl::Status Trim(uint64_t position);
  /// Whether Trim would remove one, if a snapshot needed `oldest_needed` only.
  bool WouldTrim(uint64_t oldest_needed) const;

  uint64_t first_position() const;
  uint64_t end_position() const;
  uint64_t bytes_used() const;
  uint64_t bytes_unreadable() const;
  uint64_t extents_unopened() const { return extents_unopened_; }
  /// How often the disk failed a Write (also one that a new extent made good), a WriteSnapshot or a Trim.
  uint64_t faults() const;

 private:
  SpoolDisk(const Options& options, Environment& environment, SecretKey key, Random& random)
      : options_(options), environment_(environment), key_(std::move(key)), random_(random) {}

  absl::Status LoadExtents();
  absl::Status LoadExtent(uint64_t number);
  absl::Status PutAside(const std::string& path);
  void SkipPositionsOf(const std::string& path);
  absl::Status SettleOldExtents();
  absl::Status VerifyLast(Extent& extent);
  // What a write made; it counts only once all of it is durable.
  struct Touched {
    std::map<uint64_t, Extent> extents;
    std::shared_ptr<const Snapshot> snapshot;  // Null pointer: no other than before.
  };
  absl::Status LoadSnapshot();
  absl::Status NewExtent(uint64_t first_position, uint64_t bytes_min,
                         std::shared_ptr<const Snapshot> snapshot, Touched& touched);
  absl::Status Counted(absl::Status done);
  absl::Status TrimUpTo(uint64_t position) ABSL_EXCLUSIVE_LOCKS_REQUIRED(trim_mutex_);
  absl::Status TryWrite(std::span<const std::shared_ptr<const Block>> blocks, SnapshotTaker take,
                        Touched& touched);
  void Settle(const Touched& touched);
  void Abandon(const Touched& touched);
  absl::Status Lost(uint64_t begin, uint64_t end, absl::Status why);
  std::optional<Extent> ExtentFrom(uint64_t position) const;
  std::optional<Extent> OldestBut1() const;

  const Options options_;
  Environment& environment_;
  const SecretKey key_;
  Random& random_;

  std::optional<ExtentWriter> writer_;  // Of the writer; so is what follows up to the mutex, after Open.
  uint64_t next_number_ = 1;
  uint64_t next_position_ = 0;
  uint64_t extents_unopened_ = 0;
  std::set<uint64_t> skipped_to_;

  std::optional<ExtentReader> reader_;  // Of the reader.
  uint64_t lost_begin_ = 0;             // What the reader was told to be lost, so that it can go on behind.
  uint64_t lost_end_ = 0;
  int read_failures_ = 0;

  absl::Mutex trim_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);
  mutable absl::Mutex mutex_;
  std::map<uint64_t, Extent> extents_ ABSL_GUARDED_BY(mutex_);  // By number: durable, and without overlaps.
  uint64_t bytes_unreadable_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t faults_ ABSL_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<const Snapshot> snapshot_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace turret::node
