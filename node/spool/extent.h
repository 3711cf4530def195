// One file of the spool. A process writes only extents that it made itself, each under a key of its own: a
// torn tail written again at the same place would repeat what was sealed. FORMAT.md, "Spool"; integers big
// endian.
//
//   file   = header, 114 bytes | frame* | zeros (room set aside)
//   header = magic "TRTSPL01" | number, u64 | first position, u64 | key box, 82 bytes | check, 8 bytes
//            key box: the extent's key in a sealed box under the node key, AAD "turret spool extent v1" |
//            first 24 bytes check:   first 8 bytes of SHA-256 of all before it
//   frame  = length of the box, u32 | position of the block, u64 | box
//            box: the block in a sealed box under the extent's key, AAD "turret spool block v1" | number |
//            position
//
// A frame whose length has its highest bit set holds a part of a snapshot; instead of the position stand the part's
// number and how many there are, u32 each, and the box is
//   box: oldest position needed, u64 | acknowledged position, u64 | record*; AAD "turret spool snapshot v1" | number |
//        offset of the frame, u64 | the part's number and count
// Parts follow each other, from 0; only a whole snapshot counts, and of those the last. FORMAT.md tells the rest.
//
// Positions count plaintext bytes and only grow, over all extents; a block begins where the one before it
// ends. An extent ends at the first frame that breaks this or does not open. Where extents overlap (the sync
// of the earlier one failed), the later one counts.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "node/spool/block.h"
#include "node/spool/snapshot.h"
#include "storage/base/file.h"
#include "storage/base/random.h"
#include "storage/base/secret.h"

namespace turret::node {

inline constexpr size_t kExtentHeaderBytes = 8 + 8 + 8 + 82 + 8;
inline constexpr size_t kFrameOverheadBytes = 4 + 8 + 50;
inline constexpr size_t kBlockBytesMax = size_t{16} * 1024 * 1024;

/// What is known of an extent: values, and a key that is shared by the copies.
struct Extent {
  std::string path;
  uint64_t number = 0;  // Only grows.
  uint64_t first_position = 0;
  uint64_t end_position = 0;  // Of the last good block.
  uint64_t end_offset = kExtentHeaderBytes;
  std::shared_ptr<const SecretKey> key;
  std::vector<uint64_t> snapshots = {};  // Offsets of those that look whole; not of those written since it was opened.

  bool empty() const { return end_position <= first_position; }
};

/// "extent-<16 hex digits>"; nullopt when `name` is not one.
std::string ExtentName(uint64_t number);
std::optional<uint64_t> ExtentNumber(std::string_view name);

/// Not thread-safe. After an error it is of no use any more.
class ExtentWriter {
 public:
  /// Durable on return, directory entry included. Sets `bytes` aside, or as many as there are.
  static absl::StatusOr<ExtentWriter> Create(Environment& environment, const std::string& directory,
                                             uint64_t number, uint64_t first_position, uint64_t bytes,
                                             const SecretKey& node_key,
                                             Random& random ABSL_ATTRIBUTE_LIFETIME_BOUND);
  /// An empty extent takes any block.
  bool Fits(const Block& block) const;
  [[nodiscard]] absl::Status Append(const Block& block);
  [[nodiscard]] absl::Status Append(const Snapshot& snapshot);
  [[nodiscard]] absl::Status Sync();
  [[nodiscard]] absl::Status Close();
  /// All that was appended: good only once synced.
  const Extent& extent() const { return extent_; }

 private:
  ExtentWriter(std::unique_ptr<AppendFile> file, Extent extent, uint64_t bytes_max, Random& random)
      : file_(std::move(file)), extent_(std::move(extent)), bytes_max_(bytes_max), random_(&random) {}

  absl::Status AppendFrame(uint32_t length_flag, uint64_t position, Bytes aad, Bytes plaintext);

  std::unique_ptr<AppendFile> file_;
  Extent extent_;
  uint64_t bytes_max_;
  Random* random_;
  Buffer frame_;
};

/// Reads header and frames, without opening the blocks. Errors: NotFound when the header is all zeros (the
/// process died while making it: nothing is in there), DataLoss when the header is no header or does not
/// open.
absl::StatusOr<Extent> ScanExtent(Environment& environment, const std::string& path,
                                  const SecretKey& node_key);
/// A position that is behind all in the extent, from what is clear of it; nullopt when there is no header.
std::optional<uint64_t> PositionBoundOf(Environment& environment, const std::string& path);

/// Reads the snapshot at `offset`. Errors: DataLoss when it does not open as a whole.
absl::StatusOr<Snapshot> ReadSnapshot(Environment& environment, const Extent& extent, uint64_t offset);

/// Reads one extent's blocks in order. Not thread-safe.
class ExtentReader {
 public:
  static absl::StatusOr<ExtentReader> Open(Environment& environment, const Extent& extent);
  /// Moves to the block that `position` lies in. Errors: OutOfRange when it is not below `end_offset`.
  [[nodiscard]] absl::Status Seek(uint64_t position, uint64_t end_offset);
  /// The block here; moves behind it, also when it does not open. Errors: DataLoss.
  absl::StatusOr<std::shared_ptr<const Block>> Next();
  uint64_t number() const { return extent_.number; }
  uint64_t position() const { return position_; }
  uint64_t offset() const { return offset_; }

 private:
  ExtentReader(std::unique_ptr<ReadFile> file, Extent extent)
      : file_(std::move(file)), extent_(std::move(extent)), position_(extent_.first_position) {}

  std::unique_ptr<ReadFile> file_;
  Extent extent_;
  uint64_t position_;
  uint64_t offset_ = kExtentHeaderBytes;
};

}  // namespace turret::node
