#include "coordinator/ingest/stream_positions.h"

#include "fmt/format.h"
#include "storage/base/status.h"

namespace turret::coordinator {

absl::StatusOr<StreamPositions::Position*> StreamPositions::Of(const StreamId& stream) {
  const auto found = positions_.find(stream);
  if (found != positions_.end()) return &found->second;
  const absl::StatusOr<v1::StreamRow> row = index_.Stream(stream);
  if (!row.ok() && !absl::IsNotFound(row.status())) return row.status();
  Position position{.segments_known = 0, .last_hash = {}, .pending = {}, .known_hashes = {}};
  if (row.ok()) {
    position.segments_known = row->segments();
    position.last_hash = DigestFrom(row->last_segment_hash());
  }
  return &positions_.emplace(stream, std::move(position)).first->second;
}

absl::StatusOr<Digest> StreamPositions::HashAt(const StreamId& stream, Position& position,
                                               uint64_t sequence) {
  if (sequence >= position.segments_known) return position.pending[sequence - position.segments_known];
  if (!position.known_hashes) {
    TURRET_ASSIGN_OR_RETURN(const std::vector<Index::Placed> placed, index_.Placements(stream));
    position.known_hashes.emplace();
    for (const Index::Placed& one : placed)
      position.known_hashes->emplace(one.placement.sequence(), DigestFrom(one.placement.segment_hash()));
  }
  const auto found = position.known_hashes->find(sequence);
  if (found == position.known_hashes->end())
    return absl::DataLossError(
        fmt::format("index: stream {} has no placement of segment {}; rebuild it", stream.ToHex(), sequence));
  return found->second;
}

absl::StatusOr<StreamPositions::Fit> StreamPositions::Check(const StreamId& stream, uint64_t sequence,
                                                            const Digest& hash, const Digest& predecessor) {
  TURRET_ASSIGN_OR_RETURN(Position* const position, Of(stream));
  const uint64_t next = position->segments_known + position->pending.size();
  if (sequence < next) {
    TURRET_ASSIGN_OR_RETURN(const Digest held, HashAt(stream, *position, sequence));
    return held == hash ? Fit::kHeld : Fit::kConflict;
  }
  return sequence == next && predecessor == position->last_hash ? Fit::kNext : Fit::kBroken;
}

void StreamPositions::Advance(const StreamId& stream, const Digest& hash) {
  Position& position = positions_.at(stream);
  position.pending.push_back(hash);
  position.last_hash = hash;
}

}  // namespace turret::coordinator
