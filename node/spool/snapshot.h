// What a later process needs so that nothing older than it needs to be kept in the spool. FORMAT.md, "Spool".
#pragma once

#include <cstdint>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/base/secret.h"

namespace turret::node {

inline constexpr size_t kSnapshotPartBytesMax = size_t{4} * 1024 * 1024;

/// Parts of one snapshot: each a row of records, as of a block, in clear. Wiped when it goes.
struct Snapshot {
  Snapshot() = default;
  Snapshot(Snapshot&&) = default;
  Snapshot& operator=(Snapshot&&) = default;
  ~Snapshot() {
    for (Buffer& part : parts) Wipe(part);
  }

  /// What was made of everything below is acknowledged: a call that began and is not in the snapshot is done
  /// with.
  uint64_t acknowledged = 0;
  uint64_t oldest_needed = 0;  // With this snapshot, nothing below is; at most `acknowledged`.
  std::vector<Buffer> parts;
};

/// Who knows what is to be remembered. Called on any thread, never for long; not after
/// Spool::SetSnapshotSource took it away.
class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  /// `oldest_needed` of a snapshot taken now.
  virtual uint64_t OldestNeeded(uint64_t acknowledged) = 0;
  virtual Snapshot Take(uint64_t acknowledged) = 0;
};

}  // namespace turret::node
