#include "storage/base/record_file.h"

#include <algorithm>

#include "fmt/format.h"
#include "storage/base/status.h"

namespace turret {
namespace {

constexpr size_t kLengthBytes = 4;
constexpr size_t kCheckBytes = 8;
constexpr size_t kReadBytes = size_t{1} * 1024 * 1024;
constexpr uint64_t kStillbornBytesMax = 4096;

Digest CheckOf(Bytes length_and_payload) { return Sha256(length_and_payload); }

bool CheckFits(Bytes record) {
  const Digest digest = CheckOf(record.first(record.size() - kCheckBytes));
  return std::equal(digest.begin(), digest.begin() + kCheckBytes, record.end() - kCheckBytes);
}

// A window over a file that only moves forward.
class Window {
 public:
  Window(const ReadFile& file, uint64_t size_bytes) : file_(file), size_bytes_(size_bytes) {}

  // Up to `bytes` at `offset`; less only at the end of the file. Valid until the next call.
  absl::StatusOr<Bytes> At(uint64_t offset, size_t bytes) {
    bytes = static_cast<size_t>(std::min<uint64_t>(bytes, size_bytes_ - std::min(offset, size_bytes_)));
    if (offset < begin_ || offset + bytes > begin_ + buffer_.size()) {
      TURRET_ASSIGN_OR_RETURN(buffer_, file_.ReadAt(offset, std::max(bytes, kReadBytes)));
      begin_ = offset;
    }
    const Bytes available = Bytes(buffer_).subspan(offset - begin_);
    return available.first(std::min(bytes, available.size()));
  }

 private:
  const ReadFile& file_;
  const uint64_t size_bytes_;
  uint64_t begin_ = 0;
  Buffer buffer_;
};

// The whole record at `offset`; empty when there is none that is good.
absl::StatusOr<Bytes> GoodRecord(Window& window, uint64_t offset) {
  TURRET_ASSIGN_OR_RETURN(const Bytes length, window.At(offset, kLengthBytes));
  if (length.size() < kLengthBytes) return Bytes();
  const size_t payload_bytes = LoadU32(length);
  if (payload_bytes > kRecordPayloadBytesMax) return Bytes();
  TURRET_ASSIGN_OR_RETURN(const Bytes record, window.At(offset, payload_bytes + kRecordOverheadBytes));
  if (record.size() < payload_bytes + kRecordOverheadBytes || !CheckFits(record)) return Bytes();
  return record;
}

absl::StatusOr<Digest> DigestOfTail(Window& window, uint64_t offset, uint64_t size_bytes) {
  Sha256Stream digest;
  while (offset < size_bytes) {
    TURRET_ASSIGN_OR_RETURN(const Bytes piece, window.At(offset, kReadBytes));
    if (piece.empty()) return absl::InternalError("file became shorter while it was read");
    digest.Update(piece);
    offset += piece.size();
  }
  return digest.Peek();
}

}  // namespace

absl::StatusOr<bool> IsStillborn(const ReadFile& file) {
  TURRET_ASSIGN_OR_RETURN(const uint64_t size_bytes, file.SizeBytes());
  if (size_bytes < kMagicBytes) return true;
  if (size_bytes > kStillbornBytesMax) return false;
  TURRET_ASSIGN_OR_RETURN(const Buffer magic, file.ReadAt(0, kMagicBytes));
  return std::ranges::all_of(magic, [](uint8_t byte) { return byte == 0; });
}

absl::StatusOr<RecordWriter> RecordWriter::Create(Environment& environment, const std::string& path,
                                                  std::string_view magic) {
  if (magic.size() != kMagicBytes)
    return absl::InvalidArgumentError(fmt::format("magic: {} bytes, want {}", magic.size(), kMagicBytes));
  TURRET_ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> file, environment.CreateForAppend(path));
  TURRET_RETURN_IF_ERROR(file->Append(AsBytes(magic)));
  TURRET_RETURN_IF_ERROR(file->Sync());
  TURRET_RETURN_IF_ERROR(environment.SyncDirectory(DirectoryOf(path)));
  return RecordWriter(std::move(file), path);
}

absl::StatusOr<RecordWriter> RecordWriter::Reopen(Environment& environment, const std::string& path,
                                                  uint64_t good_bytes) {
  TURRET_ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> file, environment.OpenForAppend(path));
  if (file->size_bytes() != good_bytes)
    return absl::FailedPreconditionError(
        fmt::format("{} has {} bytes, of which {} are good records: close it and go on in a new file", path,
                    file->size_bytes(), good_bytes));
  return RecordWriter(std::move(file), path);
}

absl::StatusOr<Appended> RecordWriter::Append(Bytes payload) {
  if (payload.size() > kRecordPayloadBytesMax)
    return absl::InvalidArgumentError(
        fmt::format("record: {} bytes, at most {}", payload.size(), kRecordPayloadBytesMax));
  if (broken_) return absl::FailedPreconditionError(fmt::format("{}: an earlier write failed", path_));
  Buffer record;
  record.reserve(payload.size() + kRecordOverheadBytes);
  StoreU32(record, static_cast<uint32_t>(payload.size()));
  turret::Append(record, payload);
  const Digest check = CheckOf(record);
  turret::Append(record, Bytes(check).first(kCheckBytes));
  const uint64_t begin = file_->size_bytes();
  if (absl::Status written = file_->Append(record); !written.ok()) {
    broken_ = true;
    return written;
  }
  return Appended{begin, begin + record.size()};
}

absl::StatusOr<Durable> RecordWriter::Sync() {
  if (broken_) return absl::FailedPreconditionError(fmt::format("{}: an earlier write failed", path_));
  if (absl::Status synced = file_->Sync(); !synced.ok()) {
    broken_ = true;
    return synced;
  }
  return Durable(file_->size_bytes());
}

uint64_t RecordWriter::size_bytes() const { return file_->size_bytes(); }

absl::Status RecordWriter::Close() {
  broken_ = true;
  return file_->Close();
}

absl::StatusOr<ScanResult> ScanRecords(Environment& environment, const std::string& path,
                                       std::string_view magic,
                                       const std::function<absl::Status(uint64_t, Bytes)>& visit) {
  TURRET_ASSIGN_OR_RETURN(const std::unique_ptr<ReadFile> file, environment.OpenForRead(path));
  TURRET_ASSIGN_OR_RETURN(const uint64_t size_bytes, file->SizeBytes());
  Window window(*file, size_bytes);
  TURRET_ASSIGN_OR_RETURN(const Bytes start, window.At(0, kMagicBytes));
  if (AsText(start) != magic)
    return absl::DataLossError(fmt::format("{} is not a {} file ({} bytes)", path, magic, size_bytes));
  ScanResult result{.good_bytes = kMagicBytes};
  while (result.good_bytes < size_bytes) {
    TURRET_ASSIGN_OR_RETURN(const Bytes record, GoodRecord(window, result.good_bytes));
    if (record.empty()) break;
    const Bytes payload = record.subspan(kLengthBytes, record.size() - kRecordOverheadBytes);
    TURRET_RETURN_IF_ERROR(visit(result.good_bytes, payload));
    result.good_bytes += record.size();
    ++result.records;
  }
  result.tail_bytes = size_bytes - result.good_bytes;
  if (result.tail_bytes == 0) return result;
  TURRET_ASSIGN_OR_RETURN(result.tail_digest, DigestOfTail(window, result.good_bytes, size_bytes));
  return result;
}

absl::StatusOr<Buffer> ReadRecord(const ReadFile& file, uint64_t offset) {
  TURRET_ASSIGN_OR_RETURN(const Buffer length, file.ReadAt(offset, kLengthBytes));
  if (length.size() < kLengthBytes)
    return absl::OutOfRangeError(fmt::format("no record at offset {}", offset));
  const size_t payload_bytes = LoadU32(length);
  if (payload_bytes > kRecordPayloadBytesMax)
    return absl::DataLossError(
        fmt::format("record at offset {}: length {} is no length", offset, payload_bytes));
  TURRET_ASSIGN_OR_RETURN(Buffer record, file.ReadAt(offset, payload_bytes + kRecordOverheadBytes));
  if (record.size() < payload_bytes + kRecordOverheadBytes || !CheckFits(record))
    return absl::DataLossError(fmt::format("record at offset {}: altered or torn", offset));
  record.resize(record.size() - kCheckBytes);
  record.erase(record.begin(), record.begin() + kLengthBytes);
  return record;
}

}  // namespace turret
