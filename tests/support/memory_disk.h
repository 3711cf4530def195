// A disk in memory: as fast as a test of ten thousand crashes needs, and as bad as a disk may be. A power cut
// keeps what was synced, of the rest some beginning with holes in it, and of the directory's changes since
// its last sync the first few, in their order, as a journaling file system does.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage/base/file.h"
#include "storage/base/random.h"

namespace turret::test {

/// Thread-safe. Folders are there as soon as something is in them; no protection.
class MemoryDisk final : public Environment {
 public:
  enum class Operation { kCreate, kWrite, kSync, kSyncDirectory, kRename, kRemove, kRead };
  static constexpr int kOperations = 7;

  /// The `nth` operation from now (1: the next one) fails once. Of a failing write half of the bytes are
  /// there; what a failing sync did not write is gone from the disk, whatever the page cache says.
  void FailNth(Operation operation, uint64_t nth);
  void Repair();
  uint64_t count(Operation operation) const;
  /// The `nth` change from now (1: the next one) is cut off in its middle, and none follows: the power is
  /// gone.
  void DieAt(uint64_t nth);
  bool dead() const;
  /// How often a file was synced again that way that it failed before: what is lost then shows as kept.
  uint64_t syncs_repeated() const;
  /// Files opened before must not be used again.
  void PowerCut(Random& random);
  /// From now on, before every so-manieth change (1 to `distance_max` of them later, by `random`): what a
  /// power cut would leave, as a disk of its own; this one goes on. `take` is called with our lock held.
  /// nullptr: no more.
  using Take = std::function<void(std::unique_ptr<MemoryDisk>)>;
  void TakeImages(Random* random, uint64_t distance_max, Take take);
  /// Every file that is there.
  std::vector<std::string> Files() const;

  absl::StatusOr<std::unique_ptr<AppendFile>> CreateForAppend(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<AppendFile>> CreatePreallocated(const std::string& path,
                                                                 uint64_t bytes) override;
  absl::StatusOr<std::unique_ptr<AppendFile>> OpenForAppend(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<ReadFile>> OpenForRead(const std::string& path) override;
  absl::StatusOr<Buffer> ReadAll(const std::string& path) override;
  absl::Status WriteAtomically(const std::string& path, Bytes bytes) override;
  absl::Status CreateDirectories(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override;
  bool Exists(const std::string& path) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status SyncAndForget(const std::string& path) override;
  absl::Status Protect(const std::string& path, Protection protection) override;
  absl::StatusOr<Protection> ReadProtection(const std::string& path) override;

 private:
  struct Node {
    Buffer bytes;   // As the page cache has it.
    Buffer synced;  // As the disk has it; but for its size the same outside of what is dirty.
    size_t dirty_begin = SIZE_MAX;
    size_t dirty_end = 0;
    bool sync_failed = false;
    void Clean() { dirty_begin = SIZE_MAX, dirty_end = 0; }
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;
  struct Change {
    std::string path;
    std::shared_ptr<Node> node;  // Null pointer: removed.
  };
  class File;
  class Reader;

  void PowerCutLocked(Random& random) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeImageWhenDue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Do(Operation operation) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status SyncNode(Node& node) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Set(const std::string& path, std::shared_ptr<Node> node) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SettleNames(size_t changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  Names names_ ABSL_GUARDED_BY(mutex_);
  Names synced_names_ ABSL_GUARDED_BY(mutex_);
  std::vector<Change> changes_ ABSL_GUARDED_BY(mutex_);  // Between the two.
  std::map<Operation, uint64_t> counts_ ABSL_GUARDED_BY(mutex_);
  std::map<Operation, uint64_t> fail_at_ ABSL_GUARDED_BY(mutex_);
  uint64_t changes_left_ ABSL_GUARDED_BY(mutex_) = UINT64_MAX;
  bool was_dead_ ABSL_GUARDED_BY(mutex_) = false;  // Before the last operation began.
  uint64_t syncs_repeated_ ABSL_GUARDED_BY(mutex_) = 0;
  Random* image_random_ ABSL_GUARDED_BY(mutex_) = nullptr;
  uint64_t image_distance_max_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t image_distance_ ABSL_GUARDED_BY(mutex_) = 0;
  Take take_image_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace turret::test
