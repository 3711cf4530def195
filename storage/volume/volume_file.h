// One volume's file: writing it, and reading it from its start.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "storage/base/digest.h"
#include "storage/base/file.h"
#include "storage/base/ids.h"
#include "storage/base/merkle.h"
#include "storage/base/random.h"
#include "storage/base/record_file.h"
#include "turret/v1/archive.pb.h"
#include "turret/v1/ledger.pb.h"

namespace turret {

inline constexpr std::string_view kVolumeMagic = "TRTVOL01";

/// "<id>.vol".
std::string VolumeFileName(const VolumeId& volume);
absl::StatusOr<VolumeId> VolumeOfFileName(const std::string& name);
/// Has the form yyyy-mm-dd.
bool IsVolumeDay(std::string_view day);

/// Not thread-safe.
class VolumeWriter {
 public:
  /// A new file with its header, durable on return with its directories. On errors nothing that counts is
  /// left.
  static absl::StatusOr<VolumeWriter> Create(Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                             const std::string& folder, const v1::VolumeHeader& header);

  struct Added {
    v1::Placement placement;
    Digest leaf;
  };
  /// Errors: InvalidArgument when `sealed` is no segment; as RecordWriter.
  absl::StatusOr<Added> Append(Bytes sealed);
  [[nodiscard]] absl::Status Sync();
  [[nodiscard]] absl::Status Close() { return file_.Close(); }

  uint64_t leaves() const { return leaves_; }
  uint64_t size_bytes() const { return file_.size_bytes(); }
  const std::string& path() const { return file_.path(); }
  const Digest& header_leaf() const { return header_leaf_; }

 private:
  VolumeWriter(RecordWriter file, const Digest& header_leaf)
      : file_(std::move(file)), header_leaf_(header_leaf) {}

  RecordWriter file_;
  uint64_t leaves_ = 1;
  Digest header_leaf_;
};

/// What a volume's file holds.
struct VolumeScan {
  v1::VolumeHeader header;
  MerkleTree tree;
  std::vector<v1::Placement> placements;  // Of leaves 1, 2, …
  std::vector<uint64_t> leaf_ends;        // Offset behind each leaf's record.
  uint64_t tail_bytes = 0;
  Digest tail_digest{};
};
/// Errors: NotFound; DataLoss when it has no header, or a record that is no segment.
absl::StatusOr<VolumeScan> ScanVolume(Environment& environment, const std::string& path);

}  // namespace turret
