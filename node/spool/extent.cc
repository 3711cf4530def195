#include "node/spool/extent.h"

#include <algorithm>
#include <charconv>

#include "fmt/format.h"
#include "storage/base/digest.h"
#include "storage/base/sealed_box.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

constexpr std::string_view kMagic = "TRTSPL01";
constexpr std::string_view kNamePrefix = "extent-";
constexpr size_t kClearHeaderBytes = 8 + 8 + 8;
constexpr size_t kKeyBoxBytes = kSealedBoxOverheadBytes + kSecretKeyBytes;
constexpr size_t kCheckBytes = 8;
constexpr size_t kFrameHeaderBytes = 4 + 8;
constexpr uint32_t kSnapshotFlag = 0x80000000U;
constexpr size_t kSnapshotHeaderBytes = 8 + 8;
constexpr uint64_t kPartsMax = 4096;

static_assert(kExtentHeaderBytes == kClearHeaderBytes + kKeyBoxBytes + kCheckBytes);
static_assert(kFrameOverheadBytes == kFrameHeaderBytes + kSealedBoxOverheadBytes);

Buffer KeyAad(Bytes clear_header) {
  Buffer aad = ToBuffer(AsBytes("turret spool extent v1"));
  Append(aad, clear_header);
  return aad;
}

Buffer BlockAad(uint64_t number, uint64_t position) {
  Buffer aad = ToBuffer(AsBytes("turret spool block v1"));
  StoreU64(aad, number);
  StoreU64(aad, position);
  return aad;
}

Buffer SnapshotAad(uint64_t number, uint64_t offset, uint64_t part_of) {
  Buffer aad = ToBuffer(AsBytes("turret spool snapshot v1"));
  StoreU64(aad, number);
  StoreU64(aad, offset);
  StoreU64(aad, part_of);
  return aad;
}

Buffer MakeHeader(const Extent& extent, const SecretKey& node_key, Random& random) {
  Buffer header = ToBuffer(AsBytes(kMagic));
  StoreU64(header, extent.number);
  StoreU64(header, extent.first_position);
  Append(header, SealBox(node_key, KeyAad(header), extent.key->bytes(), random));
  const Digest digest = Sha256(header);
  Append(header, Bytes(digest).first(kCheckBytes));
  return header;
}

bool IsHeader(Bytes header) {
  if (header.size() < kExtentHeaderBytes || AsText(header.first(kMagic.size())) != kMagic) return false;
  const Digest digest = Sha256(header.first(kExtentHeaderBytes - kCheckBytes));
  return std::equal(digest.begin(), digest.begin() + kCheckBytes,
                    header.begin() + (kExtentHeaderBytes - kCheckBytes));
}

struct Frame {
  uint64_t box_bytes;
  uint64_t position;  // Of a snapshot's part: its number and how many there are.
  bool snapshot;
  uint64_t end_position() const { return position + (box_bytes - kSealedBoxOverheadBytes); }
  uint64_t part() const { return position >> 32U; }
  uint64_t parts() const { return position & 0xFFFFFFFFU; }
  uint64_t frame_bytes() const { return kFrameHeaderBytes + box_bytes; }
};

// Nullopt at the zeros behind the last frame, at the end of the file, and where there is no frame.
absl::StatusOr<std::optional<Frame>> ReadFrame(const ReadFile& file, uint64_t offset) {
  TURRET_ASSIGN_OR_RETURN(const Buffer header, file.ReadAt(offset, kFrameHeaderBytes));
  if (header.size() < kFrameHeaderBytes) return std::nullopt;
  const uint32_t length = LoadU32(header);
  const Frame frame{length & ~kSnapshotFlag, LoadU64(Bytes(header).subspan(4)),
                    (length & kSnapshotFlag) != 0};
  if (frame.box_bytes <= kSealedBoxOverheadBytes ||
      frame.box_bytes > kBlockBytesMax + kSealedBoxOverheadBytes)
    return std::nullopt;
  return frame;
}

absl::StatusOr<std::unique_ptr<AppendFile>> CreateFile(Environment& environment, const std::string& path,
                                                       uint64_t bytes) {
  auto file = environment.CreatePreallocated(path, bytes);
  if (file.ok() || absl::IsAlreadyExists(file.status())) return file;
  return environment.CreateForAppend(path);  // Better the last free blocks of a full disk than none.
}

}  // namespace

std::string ExtentName(uint64_t number) { return fmt::format("{}{:016x}", kNamePrefix, number); }

std::optional<uint64_t> ExtentNumber(std::string_view name) {
  if (!name.starts_with(kNamePrefix) || name.size() != kNamePrefix.size() + 16) return std::nullopt;
  uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(name.data() + kNamePrefix.size(), name.data() + name.size(), number, 16);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

absl::StatusOr<ExtentWriter> ExtentWriter::Create(Environment& environment, const std::string& directory,
                                                  uint64_t number, uint64_t first_position, uint64_t bytes,
                                                  const SecretKey& node_key, Random& random) {
  Extent extent{.path = JoinPath(directory, ExtentName(number)),
                .number = number,
                .first_position = first_position,
                .end_position = first_position,
                .key = std::make_shared<const SecretKey>(SecretKey::Make(random))};
  TURRET_ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> file, CreateFile(environment, extent.path, bytes));
  ExtentWriter writer(std::move(file), std::move(extent), bytes, random);
  TURRET_RETURN_IF_ERROR(writer.file_->Append(MakeHeader(writer.extent_, node_key, random)));
  TURRET_RETURN_IF_ERROR(writer.file_->Sync());
  TURRET_RETURN_IF_ERROR(environment.SyncDirectory(directory));
  return writer;
}

bool ExtentWriter::Fits(const Block& block) const {
  return extent_.empty() || extent_.end_offset + block.plaintext().size() + kFrameOverheadBytes <= bytes_max_;
}

absl::Status ExtentWriter::AppendFrame(uint32_t length_flag, uint64_t position, Bytes aad, Bytes plaintext) {
  frame_.clear();
  StoreU32(frame_, length_flag | static_cast<uint32_t>(plaintext.size() + kSealedBoxOverheadBytes));
  StoreU64(frame_, position);
  AppendSealedBox(*extent_.key, aad, plaintext, *random_, frame_);
  TURRET_RETURN_IF_ERROR(file_->Append(frame_));
  extent_.end_offset = file_->size_bytes();
  return absl::OkStatus();
}

absl::Status ExtentWriter::Append(const Block& block) {
  TURRET_RETURN_IF_ERROR(
      AppendFrame(0, block.position(), BlockAad(extent_.number, block.position()), block.plaintext()));
  extent_.end_position = block.end_position();
  return absl::OkStatus();
}

absl::Status ExtentWriter::Append(const Snapshot& snapshot) {
  const uint64_t count = std::max<uint64_t>(1, snapshot.parts.size());
  if (count > kPartsMax) return absl::ResourceExhaustedError("spool: a snapshot of too many parts");
  for (uint64_t i = 0; i < count; ++i) {
    Buffer plaintext;
    plaintext.reserve(kSnapshotHeaderBytes + (snapshot.parts.empty() ? 0 : snapshot.parts[i].size()));
    StoreU64(plaintext, snapshot.oldest_needed);
    StoreU64(plaintext, snapshot.acknowledged);
    if (!snapshot.parts.empty()) turret::Append(plaintext, snapshot.parts[i]);
    const uint64_t part_of = i << 32U | count;
    const absl::Status appended = AppendFrame(
        kSnapshotFlag, part_of, SnapshotAad(extent_.number, extent_.end_offset, part_of), plaintext);
    Wipe(plaintext);
    TURRET_RETURN_IF_ERROR(appended);
  }
  return absl::OkStatus();
}

absl::Status ExtentWriter::Sync() { return file_->Sync(); }
absl::Status ExtentWriter::Close() { return file_->Close(); }

absl::StatusOr<Extent> ScanExtent(Environment& environment, const std::string& path,
                                  const SecretKey& node_key) {
  TURRET_ASSIGN_OR_RETURN(const std::unique_ptr<ReadFile> file, environment.OpenForRead(path));
  TURRET_ASSIGN_OR_RETURN(const Buffer header, file->ReadAt(0, kExtentHeaderBytes));
  if (std::all_of(header.begin(), header.end(), [](uint8_t byte) { return byte == 0; }))
    return absl::NotFoundError(fmt::format("{} was never written to", path));
  if (!IsHeader(header)) {
    // The header is durable before anything else is written: where nothing follows a torn one, nothing was
    // lost.
    TURRET_ASSIGN_OR_RETURN(const Buffer next, file->ReadAt(kExtentHeaderBytes, kFrameHeaderBytes));
    if (std::all_of(next.begin(), next.end(), [](uint8_t byte) { return byte == 0; }))
      return absl::NotFoundError(fmt::format("{} was never written behind its header", path));
    return absl::DataLossError(fmt::format("{} has no extent header", path));
  }
  const Bytes clear = Bytes(header).first(kClearHeaderBytes);
  TURRET_ASSIGN_OR_RETURN(SecretKey key, OpenKeyBox(node_key, KeyAad(clear),
                                                    Bytes(header).subspan(kClearHeaderBytes, kKeyBoxBytes)));
  Extent extent{.path = path,
                .number = LoadU64(clear.subspan(8)),
                .first_position = LoadU64(clear.subspan(16)),
                .end_position = LoadU64(clear.subspan(16)),
                .key = std::make_shared<const SecretKey>(std::move(key))};
  TURRET_ASSIGN_OR_RETURN(const uint64_t size_bytes, file->SizeBytes());
  uint64_t snapshot_offset = 0;
  uint64_t parts_seen = 0;
  while (true) {
    TURRET_ASSIGN_OR_RETURN(const std::optional<Frame> frame, ReadFrame(*file, extent.end_offset));
    if (!frame.has_value() || extent.end_offset + frame->frame_bytes() > size_bytes) return extent;
    if (!frame->snapshot) {
      if (frame->position != extent.end_position) return extent;
      extent.end_position = frame->end_position();
    } else {
      if (frame->part() == 0) snapshot_offset = extent.end_offset, parts_seen = 0;
      if (frame->part() != parts_seen++) return extent;
      if (parts_seen == frame->parts()) extent.snapshots.push_back(snapshot_offset);
    }
    extent.end_offset += frame->frame_bytes();
  }
}

absl::StatusOr<Snapshot> ReadSnapshot(Environment& environment, const Extent& extent, uint64_t offset) {
  TURRET_ASSIGN_OR_RETURN(const std::unique_ptr<ReadFile> file, environment.OpenForRead(extent.path));
  Snapshot snapshot;
  for (uint64_t i = 0, count = 1; i < count; ++i) {
    TURRET_ASSIGN_OR_RETURN(const std::optional<Frame> frame, ReadFrame(*file, offset));
    if (!frame.has_value() || !frame->snapshot || frame->part() != i || (i > 0 && frame->parts() != count) ||
        frame->parts() > kPartsMax)
      return absl::DataLossError(fmt::format("{}: no snapshot at offset {}", extent.path, offset));
    count = frame->parts();
    TURRET_ASSIGN_OR_RETURN(const Buffer box, file->ReadAt(offset + kFrameHeaderBytes, frame->box_bytes));
    absl::StatusOr<Buffer> plaintext =
        OpenBox(*extent.key, SnapshotAad(extent.number, offset, frame->position), box);
    if (!plaintext.ok() || plaintext->size() < kSnapshotHeaderBytes)
      return absl::DataLossError(
          fmt::format("{}: the snapshot at offset {} does not open: altered or torn", extent.path, offset));
    snapshot.oldest_needed = LoadU64(*plaintext);
    snapshot.acknowledged = LoadU64(Bytes(*plaintext).subspan(8));
    snapshot.parts.push_back(ToBuffer(Bytes(*plaintext).subspan(kSnapshotHeaderBytes)));
    Wipe(*plaintext);
    offset += frame->frame_bytes();
  }
  return snapshot;
}

std::optional<uint64_t> PositionBoundOf(Environment& environment, const std::string& path) {
  const auto file = environment.OpenForRead(path);
  if (!file.ok()) return std::nullopt;
  const absl::StatusOr<Buffer> header = (*file)->ReadAt(0, kExtentHeaderBytes);
  const absl::StatusOr<uint64_t> size_bytes = (*file)->SizeBytes();
  if (!header.ok() || !size_bytes.ok() || !IsHeader(*header)) return std::nullopt;
  return LoadU64(Bytes(*header).subspan(16)) + *size_bytes;
}

absl::StatusOr<ExtentReader> ExtentReader::Open(Environment& environment, const Extent& extent) {
  TURRET_ASSIGN_OR_RETURN(std::unique_ptr<ReadFile> file, environment.OpenForRead(extent.path));
  return ExtentReader(std::move(file), extent);
}

absl::Status ExtentReader::Seek(uint64_t position, uint64_t end_offset) {
  if (position < position_) {
    position_ = extent_.first_position;
    offset_ = kExtentHeaderBytes;
  }
  while (offset_ < end_offset) {
    TURRET_ASSIGN_OR_RETURN(const std::optional<Frame> frame, ReadFrame(*file_, offset_));
    if (frame.has_value() && frame->snapshot) {
      offset_ += frame->frame_bytes();
      continue;
    }
    if (!frame.has_value() || frame->position != position_)
      return absl::DataLossError(fmt::format("{}: no frame at offset {} any more", extent_.path, offset_));
    if (position < frame->end_position()) return absl::OkStatus();
    position_ = frame->end_position();
    offset_ += frame->frame_bytes();
  }
  return absl::OutOfRangeError(fmt::format("{} ends before position {}", extent_.path, position));
}

absl::StatusOr<std::shared_ptr<const Block>> ExtentReader::Next() {
  TURRET_ASSIGN_OR_RETURN(std::optional<Frame> frame, ReadFrame(*file_, offset_));
  while (frame.has_value() && frame->snapshot) {
    offset_ += frame->frame_bytes();
    TURRET_ASSIGN_OR_RETURN(frame, ReadFrame(*file_, offset_));
  }
  if (!frame.has_value() || frame->position != position_)
    return absl::DataLossError(fmt::format("{}: no frame at offset {}", extent_.path, offset_));
  TURRET_ASSIGN_OR_RETURN(const Buffer box, file_->ReadAt(offset_ + kFrameHeaderBytes, frame->box_bytes));
  absl::StatusOr<Buffer> plaintext = OpenBox(*extent_.key, BlockAad(extent_.number, frame->position), box);
  const uint64_t offset = offset_;
  position_ = frame->end_position();
  offset_ += frame->frame_bytes();
  if (!plaintext.ok())
    return absl::DataLossError(
        fmt::format("{}: the block at offset {} does not open: altered or torn; {} bytes of "
                    "records are lost",
                    extent_.path, offset, frame->end_position() - frame->position));
  return std::make_shared<const Block>(frame->position, *std::move(plaintext));
}

}  // namespace turret::node
