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
  uint64_t position;
  uint64_t end_position() const { return position + (box_bytes - kSealedBoxOverheadBytes); }
  uint64_t frame_bytes() const { return kFrameHeaderBytes + box_bytes; }
};

// Nullopt at the zeros behind the last frame, at the end of the file, and where there is no frame.
absl::StatusOr<std::optional<Frame>> ReadFrame(const ReadFile& file, uint64_t offset) {
  TURRET_ASSIGN_OR_RETURN(const Buffer header, file.ReadAt(offset, kFrameHeaderBytes));
  if (header.size() < kFrameHeaderBytes) return std::nullopt;
  const Frame frame{LoadU32(header), LoadU64(Bytes(header).subspan(4))};
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

absl::Status ExtentWriter::Append(const Block& block) {
  frame_.clear();
  StoreU32(frame_, static_cast<uint32_t>(block.plaintext().size() + kSealedBoxOverheadBytes));
  StoreU64(frame_, block.position());
  AppendSealedBox(*extent_.key, BlockAad(extent_.number, block.position()), block.plaintext(), *random_,
                  frame_);
  TURRET_RETURN_IF_ERROR(file_->Append(frame_));
  extent_.end_offset = file_->size_bytes();
  extent_.end_position = block.end_position();
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
  if (!IsHeader(header)) return absl::DataLossError(fmt::format("{} has no extent header", path));
  const Bytes clear = Bytes(header).first(kClearHeaderBytes);
  TURRET_ASSIGN_OR_RETURN(SecretKey key, OpenKeyBox(node_key, KeyAad(clear),
                                                    Bytes(header).subspan(kClearHeaderBytes, kKeyBoxBytes)));
  Extent extent{.path = path,
                .number = LoadU64(clear.subspan(8)),
                .first_position = LoadU64(clear.subspan(16)),
                .end_position = LoadU64(clear.subspan(16)),
                .key = std::make_shared<const SecretKey>(std::move(key))};
  TURRET_ASSIGN_OR_RETURN(const uint64_t size_bytes, file->SizeBytes());
  while (true) {
    TURRET_ASSIGN_OR_RETURN(const std::optional<Frame> frame, ReadFrame(*file, extent.end_offset));
    if (!frame.has_value() || frame->position != extent.end_position ||
        extent.end_offset + frame->frame_bytes() > size_bytes)
      return extent;
    extent.end_position = frame->end_position();
    extent.end_offset += frame->frame_bytes();
  }
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
    if (!frame.has_value() || frame->position != position_)
      return absl::DataLossError(fmt::format("{}: no frame at offset {} any more", extent_.path, offset_));
    if (position < frame->end_position()) return absl::OkStatus();
    position_ = frame->end_position();
    offset_ += frame->frame_bytes();
  }
  return absl::OutOfRangeError(fmt::format("{} ends before position {}", extent_.path, position));
}

absl::StatusOr<std::shared_ptr<const Block>> ExtentReader::Next() {
  TURRET_ASSIGN_OR_RETURN(const std::optional<Frame> frame, ReadFrame(*file_, offset_));
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
