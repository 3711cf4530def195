#include "coordinator/ingest/segment_intake.h"

#include <algorithm>

#include "storage/base/status.h"
#include "storage/segment/segment.h"
#include "storage/segment/segment_plaintext.h"

namespace turret::coordinator {
namespace {

// Samples of the last packet: its bytes for G.711; for a codec that we cannot read, as long as the packet
// before.
int64_t LastPacketTicks(const v1::SegmentBody& body, const std::vector<PacketRow>& rows) {
  if (body.codec() == "PCMA" || body.codec() == "PCMU") return rows.back().payload_bytes;
  return rows.size() < 2 ? 0 : std::max<int64_t>(0, rows.back().timestamp - rows[rows.size() - 2].timestamp);
}

}  // namespace

absl::StatusOr<SegmentEnds> ReadSegmentEnds(Bytes plaintext) {
  TURRET_ASSIGN_OR_RETURN(const Plaintext parsed, ParsePlaintext(plaintext));
  TURRET_ASSIGN_OR_RETURN(const std::vector<PacketRow> packets, DecodePackets(parsed.body.packets()));
  TURRET_ASSIGN_OR_RETURN(const std::vector<FrameRow> frames, DecodeFrames(parsed.body.frames()));
  SegmentEnds ends;
  if (!packets.empty()) {
    ends.first_timestamp = packets.front().timestamp;
    ends.end_timestamp = packets.back().timestamp + LastPacketTicks(parsed.body, packets);
    ends.end_sequence = static_cast<uint64_t>(packets.back().sequence + 1);
  }
  if (!frames.empty()) {
    ends.first_timestamp = frames.front().timestamp;
    ends.end_timestamp = frames.back().timestamp + frames.back().duration_samples;
  }
  return ends;
}

absl::StatusOr<const SegmentIntake::Unit*> SegmentIntake::UnitOf(const UnitId& unit) {
  const auto found = units_.find(unit);
  if (found != units_.end()) return &found->second;
  const KeyId key_id{unit.random};
  TURRET_ASSIGN_OR_RETURN(SecretKey key, parts_.books->Find(key_id));
  TURRET_ASSIGN_OR_RETURN(BookName book, parts_.BookNameOf(key_id));
  return &units_.emplace(unit, Unit{.key = std::move(key), .book = std::move(book)}).first->second;
}

absl::StatusOr<SegmentIntake::Checked> SegmentIntake::Check(Bytes sealed) {
  Checked checked;
  const auto refuse = [&](v1::Refusal::Reason reason, std::string_view message) {
    checked.outcome = {.kind = ItemOutcome::kRefused, .reason = reason, .message = std::string(message)};
    return checked;
  };
  const absl::StatusOr<SegmentHeader> header = ReadSegmentHeader(sealed);
  if (!header.ok()) return refuse(v1::Refusal::MALFORMED, std::string(header.status().message()));
  const SegmentNames& names = header->names;
  checked.stream = names.stream;
  checked.sequence = names.sequence;
  checked.hash = SegmentHash(sealed);
  if (names.ledger != parts_.ledger->id()) return refuse(v1::Refusal::MALFORMED, "sealed for another ledger");

  const absl::StatusOr<const Unit*> unit = UnitOf(names.unit);
  if (absl::IsNotFound(unit.status())) return refuse(v1::Refusal::UNKNOWN_UNIT, "no key of its unit is held");
  if (absl::IsDataLoss(unit.status()))
    return refuse(v1::Refusal::DOES_NOT_OPEN, "the key of its unit does not open from its book");
  if (!unit.ok()) return unit.status();
  checked.book = (*unit)->book;
  if (names.storage_class != checked.book.book_class)
    return refuse(v1::Refusal::MALFORMED, "its storage class is not that of its unit");

  TURRET_ASSIGN_OR_RETURN(const StreamPositions::Fit fit,
                          positions_.Check(names.stream, names.sequence, checked.hash, names.predecessor));
  if (fit == StreamPositions::Fit::kHeld) {
    checked.outcome.kind = ItemOutcome::kRepeated;
    return checked;
  }
  if (fit == StreamPositions::Fit::kConflict)
    return refuse(v1::Refusal::HASH_CONFLICT, "this sequence is held with another hash");
  if (fit == StreamPositions::Fit::kBroken)
    return refuse(v1::Refusal::BROKEN_CHAIN, "the predecessor that it names is not the last one held");

  absl::StatusOr<Buffer> plaintext = OpenSegment(sealed, (*unit)->key);
  if (!plaintext.ok()) return refuse(v1::Refusal::DOES_NOT_OPEN, "it does not open with the key of its unit");
  const absl::StatusOr<SegmentEnds> ends = ReadSegmentEnds(*plaintext);
  Wipe(*plaintext);
  if (!ends.ok()) return refuse(v1::Refusal::MALFORMED, "it opens, but its plaintext cannot be read");
  checked.ends = *ends;
  return checked;
}

void SegmentIntake::Advance(const Checked& segment) {
  positions_.Advance(segment.stream, segment.hash);
  taken_.emplace(std::pair(segment.stream, segment.sequence), segment.ends);
}

absl::StatusOr<ItemOutcome> SegmentIntake::Take(Bytes sealed) {
  TURRET_ASSIGN_OR_RETURN(const Checked segment, Check(sealed));
  if (segment.outcome.kind != ItemOutcome::kStored) return segment.outcome;
  TURRET_RETURN_IF_ERROR(parts_.volumes->Append(segment.book.book_class, segment.book.day, sealed).status());
  Advance(segment);
  ++segments_;
  bytes_ += sealed.size();
  return segment.outcome;
}

absl::StatusOr<bool> SegmentIntake::TakeRecovered(Bytes sealed) {
  TURRET_ASSIGN_OR_RETURN(const Checked segment, Check(sealed));
  if (segment.outcome.kind != ItemOutcome::kStored) return false;
  Advance(segment);
  return true;
}

void SegmentIntake::Complete(v1::VolumeContents& contents) const {
  auto* const placements = contents.mutable_placements();
  const auto incomplete = [&](v1::Placement& placement) {
    const absl::StatusOr<StreamId> stream = StreamId::FromProto(placement.stream_id());
    const auto found = stream.ok() ? taken_.find(std::pair(*stream, placement.sequence())) : taken_.end();
    if (found == taken_.end()) return true;
    placement.set_first_timestamp(found->second.first_timestamp);
    placement.set_end_timestamp(found->second.end_timestamp);
    placement.set_end_sequence(found->second.end_sequence);
    return false;
  };
  placements->erase(std::remove_if(placements->begin(), placements->end(), incomplete), placements->end());
}

}  // namespace turret::coordinator
