#include "coordinator/replay/segment_cursor.h"

#include <utility>

#include "fmt/format.h"
#include "storage/base/secret.h"
#include "storage/base/status.h"
#include "storage/segment/segment.h"

namespace turret::coordinator {
namespace {

absl::Status Broken(const Index::Placed& placed, std::string_view why) {
  return absl::DataLossError(
      fmt::format("segment {} of stream {} (volume {}, offset {}): {}; run turret-verify",
                  placed.placement.sequence(), ToHex(AsBytes(placed.placement.stream_id())),
                  placed.volume.ToHex(), placed.placement.offset_bytes(), why));
}

// What the node said at the call's end, if it did: a missing last segment shows.
absl::Status CheckEnd(const v1::CallRow& call, const StreamId& stream,
                      const std::vector<Index::Placed>& placed) {
  for (const v1::CallEnded::StreamEnd& end : call.ended().streams()) {
    if (end.stream_id() != stream.ToProto()) continue;
    // More may have come since the coordinator closed the call.
    if (call.ended().reason() == v1::CallEnded::NODE_AWAY && placed.size() > end.segments()) continue;
    if (end.segments() != placed.size())
      return absl::DataLossError(
          fmt::format("stream {}: {} segments are held, it ended with {}; run turret-verify", stream.ToHex(),
                      placed.size(), end.segments()));
    if (!placed.empty() && placed.back().placement.segment_hash() != end.last_segment_hash())
      return Broken(placed.back(), "is not the one that the stream ended with");
  }
  return absl::OkStatus();
}

}  // namespace

OpenedSegment::~OpenedSegment() { Wipe(plaintext); }

absl::StatusOr<SegmentCursor> SegmentCursor::Create(const Archive& archive, const StreamId& stream) {
  TURRET_ASSIGN_OR_RETURN(const v1::StreamRow row, archive.index().Stream(stream));
  TURRET_ASSIGN_OR_RETURN(std::vector<Index::Placed> placed, archive.index().Placements(stream));
  for (size_t i = 0; i < placed.size(); ++i)
    if (placed[i].placement.sequence() != i)
      return absl::DataLossError(
          fmt::format("stream {}: segment {} is missing; run turret-verify", stream.ToHex(), i));
  TURRET_ASSIGN_OR_RETURN(const CallId call_id, CallId::FromProto(row.call_id()));
  TURRET_ASSIGN_OR_RETURN(const v1::CallRow call, archive.index().Call(call_id));
  TURRET_RETURN_IF_ERROR(CheckEnd(call, stream, placed));
  return SegmentCursor(archive, std::move(placed));
}

absl::StatusOr<OpenedSegment> SegmentCursor::At(size_t sequence) const {
  const Index::Placed& placed = placed_.at(sequence);
  TURRET_ASSIGN_OR_RETURN(const Buffer sealed,
                          archive_->volumes().ReadSegment(placed.volume, placed.placement.offset_bytes()));
  if (AsText(SegmentHash(sealed)) != placed.placement.segment_hash())
    return Broken(placed, "its hash is not the one that the ledger names");
  TURRET_ASSIGN_OR_RETURN(Buffer plaintext, archive_->OpenSegmentAt(placed));
  return OpenedSegment(placed, std::move(plaintext));
}

absl::StatusOr<std::optional<OpenedSegment>> SegmentCursor::Next() {
  if (next_ == placed_.size()) return std::nullopt;
  const Index::Placed& placed = placed_[next_];
  TURRET_ASSIGN_OR_RETURN(const Buffer sealed,
                          archive_->volumes().ReadSegment(placed.volume, placed.placement.offset_bytes()));
  TURRET_ASSIGN_OR_RETURN(const SegmentHeader header, ReadSegmentHeader(sealed));
  const Digest predecessor = next_ == 0 ? Digest{} : DigestFrom(placed_[next_ - 1].placement.segment_hash());
  if (header.names.predecessor != predecessor) return Broken(placed, "does not name the segment before it");
  TURRET_ASSIGN_OR_RETURN(OpenedSegment opened, At(next_));
  ++next_;
  return std::optional<OpenedSegment>(std::move(opened));
}

absl::Status ForEachSegment(
    const Archive& archive, const StreamId& stream,
    const std::function<absl::Status(uint64_t sequence, const Plaintext& plaintext)>& visit) {
  TURRET_ASSIGN_OR_RETURN(SegmentCursor cursor, SegmentCursor::Create(archive, stream));
  for (;;) {  // Ends with the stream's last segment.
    TURRET_ASSIGN_OR_RETURN(const std::optional<OpenedSegment> segment, cursor.Next());
    if (!segment.has_value()) return absl::OkStatus();
    TURRET_ASSIGN_OR_RETURN(const Plaintext plaintext, ParsePlaintext(segment->plaintext));
    TURRET_RETURN_IF_ERROR(visit(segment->placed.placement.sequence(), plaintext));
  }
}

}  // namespace turret::coordinator
