// Segments of a stream out of the archive, one after another, each proven before anybody sees it.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "coordinator/ingest/archive.h"
#include "storage/base/digest.h"
#include "storage/segment/segment_plaintext.h"

namespace turret::coordinator {

/// One opened segment of a stream, in sequence. `plaintext` is the exact bytes that the opening digest
/// covers; it is wiped with the object.
struct OpenedSegment {
  Index::Placed placed;
  Buffer plaintext;

  OpenedSegment(Index::Placed where, Buffer bytes) : placed(std::move(where)), plaintext(std::move(bytes)) {}
  OpenedSegment(OpenedSegment&&) noexcept = default;
  OpenedSegment& operator=(OpenedSegment&&) = delete;
  ~OpenedSegment();
};

/// Not thread-safe. `archive` must outlive it.
class SegmentCursor {
 public:
  /// Errors: NotFound (stream); DataLoss when a sequence is missing, also the last ones of a stream that has
  /// ended.
  static absl::StatusOr<SegmentCursor> Create(const Archive& archive ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                              const StreamId& stream);

  /// Nullopt behind the last one. Errors: DataLoss when the sealed bytes are not the ones that the ledger
  /// names, do not name their predecessor, or do not open.
  absl::StatusOr<std::optional<OpenedSegment>> Next();
  size_t segments() const { return placed_.size(); }

  /// Opens one segment out of turn; of its chain only its own hash is checked.
  absl::StatusOr<OpenedSegment> At(size_t sequence) const;

 private:
  SegmentCursor(const Archive& archive, std::vector<Index::Placed> placed)
      : archive_(&archive), placed_(std::move(placed)) {}

  const Archive* archive_;
  std::vector<Index::Placed> placed_;
  size_t next_ = 0;
};

/// Opens every segment of the stream, as SegmentCursor::Next does.
[[nodiscard]] absl::Status ForEachSegment(
    const Archive& archive, const StreamId& stream,
    const std::function<absl::Status(uint64_t sequence, const Plaintext& plaintext)>& visit);

}  // namespace turret::coordinator
