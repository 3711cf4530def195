// Which volumes there are, where they lie, and their trees: what readers share with the writer.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage/base/file.h"
#include "storage/base/ids.h"
#include "storage/base/merkle.h"
#include "storage/volume/volume_store.h"

namespace turret {

/// Thread-safe.
class VolumeCatalog {
 public:
  explicit VolumeCatalog(Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND)
      : environment_(environment) {}

  void Add(const VolumeId& volume, const std::string& folder);
  /// For a volume that grows: its tree stays in memory until Closed.
  void AddOpen(const VolumeId& volume, const std::string& folder, const Digest& header_leaf);
  void AddLeaf(const VolumeId& volume, const Digest& leaf);
  /// The volume has `leaves` leaves and will have no more.
  void Closed(const VolumeId& volume, uint64_t leaves);
  Digest RootAt(const VolumeId& volume, uint64_t leaves) const;

  absl::StatusOr<Buffer> ReadSegment(const VolumeId& volume, uint64_t offset_bytes) const;
  absl::StatusOr<VolumeStore::Proof> Prove(const VolumeId& volume, uint64_t leaf_index,
                                           uint64_t tree_size) const;

 private:
  struct Entry {
    const std::string* folder;
    std::shared_ptr<MerkleTree> tree;  // Null: read from the file when asked for.
  };

  absl::StatusOr<std::string> PathOf(const VolumeId& volume) const;
  std::shared_ptr<const MerkleTree> TreeOf(const VolumeId& volume) const;
  void Keep(const VolumeId& volume, std::shared_ptr<MerkleTree> tree) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Environment& environment_;
  mutable absl::Mutex mutex_;
  std::set<std::string> folders_ ABSL_GUARDED_BY(mutex_);
  mutable std::map<VolumeId, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  mutable std::deque<VolumeId> kept_
      ABSL_GUARDED_BY(mutex_);  // Closed volumes with a tree, the oldest first.
};

}  // namespace turret
