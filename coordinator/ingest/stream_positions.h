// How far each stream is held: what the index knows, and what the running group commit adds to it.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "storage/base/digest.h"
#include "storage/index/index.h"

namespace turret::coordinator {

/// Not thread-safe; made anew for each group commit.
class StreamPositions {
 public:
  explicit StreamPositions(const Index& index ABSL_ATTRIBUTE_LIFETIME_BOUND) : index_(index) {}

  enum class Fit {
    kNext,      // Goes on where the stream ends.
    kHeld,      // The same segment is held.
    kConflict,  // Another segment of this sequence is held.
    kBroken,    // A segment before it is missing, or it names another predecessor.
  };
  /// `hash`: of the segment; `predecessor`: the hash it names.
  absl::StatusOr<Fit> Check(const StreamId& stream, uint64_t sequence, const Digest& hash,
                            const Digest& predecessor);
  /// The segment that Check() found to be next is taken.
  void Advance(const StreamId& stream, const Digest& hash);

 private:
  struct Position {
    uint64_t segments_known;      // In the index.
    Digest last_hash;             // Of the last segment held; zeros when there is none.
    std::vector<Digest> pending;  // Hashes of segments_known, segments_known + 1, …
    std::optional<std::map<uint64_t, Digest>> known_hashes;  // Read when a repetition asks for one.
  };
  absl::StatusOr<Position*> Of(const StreamId& stream);
  absl::StatusOr<Digest> HashAt(const StreamId& stream, Position& position, uint64_t sequence);

  const Index& index_;
  std::map<StreamId, Position> positions_;
};

}  // namespace turret::coordinator
