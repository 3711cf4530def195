#include "coordinator/export/proofs.h"

#include <algorithm>

#include "coordinator/replay/segment_cursor.h"
#include "fmt/format.h"
#include "storage/base/digest.h"
#include "storage/base/status.h"
#include "storage/key/signing.h"
#include "storage/segment/segment.h"

namespace turret::coordinator {
namespace {

constexpr std::string_view kFolder = "data/proof/";
constexpr uint8_t kLeafPrefix[] = {0x00};
// Tag and length of Leaf.body_opening_digest (10), VolumeState.root (3), StreamEnd.stream_id (1), .segments
// (2).
constexpr uint8_t kOpeningDigestTag[] = {0x52, 0x20};
constexpr uint8_t kRootTag[] = {0x1A, 0x20};
constexpr uint8_t kStreamIdTag[] = {0x0A, 0x10};
constexpr uint8_t kSegmentsTag[] = {0x10};

std::string PathText(const std::vector<Digest>& path) {
  if (path.empty()) return "-";
  std::string text;
  for (const Digest& node : path) text += (text.empty() ? "" : ",") + ToHex(node);
  return text;
}

// Offset behind the tag where `value` stands in `bytes`; "-" when it does not.
std::string OffsetOf(Bytes bytes, Bytes tag, std::string_view value) {
  if (value.empty()) return "-";
  Buffer pattern = ToBuffer(tag);
  Append(pattern, AsBytes(value));
  const auto found = std::ranges::search(bytes, pattern);
  if (found.empty()) return "-";
  return fmt::format("{}", static_cast<size_t>(found.begin() - bytes.begin()) + tag.size());
}

}  // namespace

absl::StatusOr<const ProofWriter::LeafFile*> ProofWriter::LeafOf(uint64_t index) {
  const auto known = leaves_.find(index);
  if (known != leaves_.end()) return &known->second;
  LeafFile file{ToBuffer(kLeafPrefix), {}};
  TURRET_RETURN_IF_ERROR(archive_.ledger().Read(index, index + 1, [&](uint64_t, const StoredEntry& stored) {
    Append(file.bytes, stored.leaf);
    return file.leaf.ParseFromArray(stored.leaf.data(), static_cast<int>(stored.leaf.size()))
               ? absl::OkStatus()
               : absl::DataLossError(fmt::format("ledger entry {}: the leaf cannot be parsed", index));
  }));
  return &leaves_.emplace(index, std::move(file)).first->second;
}

absl::Status ProofWriter::AddSegment(const StreamId& stream, const Index::Placed& placed, Bytes plaintext) {
  const v1::Placement& at = placed.placement;
  TURRET_ASSIGN_OR_RETURN(const Buffer sealed,
                          archive_.volumes().ReadSegment(placed.volume, at.offset_bytes()));
  const std::string name = fmt::format("{}segments/{}/{}", kFolder, stream.ToHex(), at.sequence());
  TURRET_RETURN_IF_ERROR(ReadSegmentHeader(sealed).status());
  Buffer leaf = ToBuffer(kLeafPrefix);
  Append(leaf, Bytes(sealed).first(kSegmentHeaderBytes));
  Append(leaf, Sha256(Bytes(sealed).subspan(kSegmentHeaderBytes)));
  TURRET_ASSIGN_OR_RETURN(const LeafFile* const covering, LeafOf(placed.entry));
  const v1::VolumeState& state = covering->leaf.volume();
  TURRET_ASSIGN_OR_RETURN(const VolumeStore::Proof proof,
                          archive_.volumes().Prove(placed.volume, at.leaf_index(), state.leaves()));
  if (!VerifyInclusion(Sha256(leaf), at.leaf_index(), state.leaves(), proof.path, DigestFrom(state.root())))
    return absl::DataLossError(
        fmt::format("stream {} sequence {}: not proven by ledger entry {}; run turret-verify", stream.ToHex(),
                    at.sequence(), placed.entry));
  entries_.emplace(placed.entry, "volume");
  segments_text_ += fmt::format("{} {} {} {} {} {}\n", stream.ToHex(), at.sequence(), at.leaf_index(),
                                state.leaves(), placed.entry, PathText(proof.path));
  TURRET_RETURN_IF_ERROR(bag_.File(name + ".plain", plaintext));
  return bag_.File(name + ".leaf", leaf);
}

absl::Status ProofWriter::AddStream(const Stream& stream, const std::vector<uint64_t>& call_entries) {
  TURRET_ASSIGN_OR_RETURN(SegmentCursor cursor, SegmentCursor::Create(archive_, stream.id));
  for (uint64_t i = 0; i < stream.segments; ++i) {
    TURRET_ASSIGN_OR_RETURN(const std::optional<OpenedSegment> segment, cursor.Next());
    if (!segment.has_value())
      return absl::DataLossError(fmt::format("stream {}: segment {} is missing", stream.id.ToHex(), i));
    TURRET_RETURN_IF_ERROR(AddSegment(stream.id, segment->placed, segment->plaintext));
  }
  TURRET_ASSIGN_OR_RETURN(const std::string end, FindEnd(stream.id, call_entries));
  streams_text_ += fmt::format("{} {} {} {} {} {}\n", stream.id.ToHex(), stream.call_id_hex, stream.media,
                               stream.segments, stream.file, end);
  for (const ProvenRun& run : stream.runs)
    pages_text_ += fmt::format("{} {} {}\n", stream.id.ToHex(), run.offset_bytes, run.length_bytes);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ProofWriter::FindEnd(const StreamId& stream,
                                                 const std::vector<uint64_t>& call_entries) {
  for (uint64_t index : call_entries) {
    TURRET_ASSIGN_OR_RETURN(const IndexedEntry entry, archive_.ReadEntry(index));
    if (!entry.body.has_value() || !entry.body->fact().has_call_ended()) continue;
    TURRET_ASSIGN_OR_RETURN(const Buffer body, archive_.ReadBodyBytes(index));
    const std::string id = stream.ToProto() + std::string(AsText(kSegmentsTag));
    const std::string offset = OffsetOf(body, kStreamIdTag, id);
    if (offset != "-") return fmt::format("{} {}", index, std::stoull(offset) - sizeof kStreamIdTag);
  }
  return "- -";
}

absl::Status ProofWriter::WriteEntry(uint64_t index, const std::string& what, uint64_t tree_size) {
  TURRET_ASSIGN_OR_RETURN(const LeafFile* const file, LeafOf(index));
  TURRET_ASSIGN_OR_RETURN(const std::vector<Digest> path, archive_.ledger().InclusionProof(index, tree_size));
  const std::string name = fmt::format("{}entries/{}", kFolder, index);
  TURRET_RETURN_IF_ERROR(bag_.File(name + ".leaf", file->bytes));
  std::string body_offset = "-";
  if (what != "volume") {  // The body of a volume's entry names the segments of other calls, too.
    TURRET_ASSIGN_OR_RETURN(const Buffer body, archive_.ReadBodyBytes(index));
    if (!body.empty()) {
      body_offset = OffsetOf(file->bytes, kOpeningDigestTag, file->leaf.body_opening_digest());
      TURRET_RETURN_IF_ERROR(bag_.File(name + ".body", body));
    }
  }
  entries_text_ +=
      fmt::format("{} {} {} {} {}\n", index, what,
                  OffsetOf(file->bytes, kRootTag, file->leaf.volume().root()), body_offset, PathText(path));
  return absl::OkStatus();
}

absl::StatusOr<v1::TreeHead> ProofWriter::Finish() {
  const v1::TreeHead head = archive_.ledger().Head();
  for (const auto& [index, what] : entries_) TURRET_RETURN_IF_ERROR(WriteEntry(index, what, head.size()));
  const auto text_file = [&](std::string_view name, std::string_view text) {
    return bag_.File(fmt::format("{}{}", kFolder, name), AsBytes(text));
  };
  TURRET_RETURN_IF_ERROR(text_file("head.txt", head.checkpoint()));
  TURRET_RETURN_IF_ERROR(text_file("ledger-key.pem", Ed25519PublicPem(archive_.ledger().public_key())));
  TURRET_RETURN_IF_ERROR(text_file("streams.txt", streams_text_));
  TURRET_RETURN_IF_ERROR(text_file("segments.txt", segments_text_));
  TURRET_RETURN_IF_ERROR(text_file("entries.txt", entries_text_));
  TURRET_RETURN_IF_ERROR(text_file("pages.txt", pages_text_));
  return head;
}

}  // namespace turret::coordinator
