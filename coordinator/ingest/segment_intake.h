// Segments on their way into the volumes: checked, opened with the key read back from the book, then
// appended.
#pragma once

#include <map>

#include "absl/status/statusor.h"
#include "coordinator/ingest/archive.h"
#include "coordinator/ingest/archive_parts.h"
#include "coordinator/ingest/stream_positions.h"

namespace turret::coordinator {

/// Where a segment's audio begins and ends, as its plaintext says.
struct SegmentEnds {
  int64_t first_timestamp = 0;  // Extended RTP timestamps, half-open.
  int64_t end_timestamp = 0;
  uint64_t end_sequence = 0;
};
/// Errors: InvalidArgument when the plaintext is none.
absl::StatusOr<SegmentEnds> ReadSegmentEnds(Bytes plaintext);

/// One group commit's segments. Not thread-safe. The unit keys must be durable in their books.
class SegmentIntake {
 public:
  explicit SegmentIntake(ArchiveParts& parts ABSL_ATTRIBUTE_LIFETIME_BOUND)
      : parts_(parts), positions_(*parts.index) {}

  /// Checks and appends one segment. A refusal is an outcome, a failing disk is a status.
  absl::StatusOr<ItemOutcome> Take(Bytes sealed);
  /// What recovery found in a volume: checked in the same way, not appended. True: it goes on where its
  /// stream ends.
  absl::StatusOr<bool> TakeRecovered(Bytes sealed);

  /// Completes the placements that the volume store made of the segments taken; drops those that were not
  /// taken.
  void Complete(v1::VolumeContents& contents) const;
  uint64_t segments() const { return segments_; }
  uint64_t bytes() const { return bytes_; }

 private:
  struct Unit {
    SecretKey key;
    BookName book;
  };
  struct Checked {
    ItemOutcome outcome;
    StreamId stream;
    uint64_t sequence = 0;
    BookName book;
    SegmentEnds ends;
    Digest hash{};
  };
  absl::StatusOr<const Unit*> UnitOf(const UnitId& unit);
  absl::StatusOr<Checked> Check(Bytes sealed);
  void Advance(const Checked& segment);

  ArchiveParts& parts_;
  StreamPositions positions_;
  std::map<UnitId, Unit> units_;
  std::map<std::pair<StreamId, uint64_t>, SegmentEnds> taken_;
  uint64_t segments_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace turret::coordinator
