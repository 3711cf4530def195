// An append-only file of records: what volumes, key books and ledger blocks are made of. FORMAT.md, "Record
// file".
//
//   file   = magic, 8 bytes ("TRTVOL01", "TRTBOOK1", "TRTLEDG1") | record*
//   record = length of payload, u32 big endian | payload | check, 8 bytes
//   check  = first 8 bytes of SHA-256(length | payload)
//
// The check finds torn writes, not tampering: that is what the Merkle trees are for.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "storage/base/bytes.h"
#include "storage/base/digest.h"
#include "storage/base/file.h"

namespace turret {

inline constexpr size_t kMagicBytes = 8;
inline constexpr size_t kRecordOverheadBytes = 4 + 8;
inline constexpr size_t kRecordPayloadBytesMax = size_t{16} * 1024 * 1024;

/// What is in memory or the page cache up to `offset_end`.
struct Appended {
  uint64_t offset_begin;  // Of the record just written.
  uint64_t offset_end;
};
/// fdatasync returned OK for everything below `offset_end`. Only RecordWriter::Sync makes one.
class Durable {
 public:
  uint64_t offset_end() const { return offset_end_; }

 private:
  friend class RecordWriter;
  explicit Durable(uint64_t offset_end) : offset_end_(offset_end) {}
  uint64_t offset_end_;
};

/// Not thread-safe. `environment` must outlive it.
class RecordWriter {
 public:
  /// A new file with its magic, durable on return with its directory entry. Errors: as Environment.
  static absl::StatusOr<RecordWriter> Create(Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                             const std::string& path, std::string_view magic);
  /// Goes on at the end of a file whose last record is whole (see ScanRecords: `tail_bytes` is 0).
  /// Errors: FailedPrecondition when the file's size is not `good_bytes`.
  static absl::StatusOr<RecordWriter> Reopen(Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                             const std::string& path, uint64_t good_bytes);

  /// Errors: InvalidArgument when the payload is over kRecordPayloadBytesMax. After any other error the
  /// writer is broken: every later call returns FailedPrecondition, and the caller goes on in a new file.
  absl::StatusOr<Appended> Append(Bytes payload);
  absl::StatusOr<Durable> Sync();
  uint64_t size_bytes() const;
  const std::string& path() const { return path_; }
  [[nodiscard]] absl::Status Close();

 private:
  RecordWriter(std::unique_ptr<AppendFile> file, std::string path)
      : file_(std::move(file)), path_(std::move(path)) {}
  std::unique_ptr<AppendFile> file_;
  std::string path_;
  bool broken_ = false;
};

/// Whether its birth was cut short before its magic was durable: the file is shorter than that, or at most 4
/// KiB long with zeros in its place (the length reached the disk, the bytes did not). It never held a record.
absl::StatusOr<bool> IsStillborn(const ReadFile& file);

struct ScanResult {
  uint64_t records = 0;
  uint64_t good_bytes = 0;  // End of the last good record.
  uint64_t tail_bytes = 0;  // What lies behind it: torn, or altered.
  Digest tail_digest{};     // SHA-256 of the tail; zeros when there is none.
};

/// Reads all records in order. `visit` gets each payload and the offset of its record, and may stop the scan
/// by an error, which is returned. Errors: NotFound; DataLoss when the magic is not `magic`.
absl::StatusOr<ScanResult> ScanRecords(
    Environment& environment, const std::string& path, std::string_view magic,
    const std::function<absl::Status(uint64_t offset, Bytes payload)>& visit);

/// Reads one record. Errors: OutOfRange behind the end, DataLoss when its check does not fit.
absl::StatusOr<Buffer> ReadRecord(const ReadFile& file, uint64_t offset);

}  // namespace turret
