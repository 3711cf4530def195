// One file of a key book: its records, their Merkle tree, and how far they are on the disk. FORMAT.md, "Key
// book".
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "storage/base/file.h"
#include "storage/base/merkle.h"
#include "storage/base/record_file.h"
#include "storage/key/book_wrap.h"
#include "turret/v1/archive.pb.h"
#include "turret/v1/ledger.pb.h"

namespace turret {

/// Where a record stands in its book.
struct RecordPlace {
  uint64_t record = 0;
  uint64_t offset = 0;
};

/// Not thread-safe. Grows until it is closed; never shrinks.
class BookFile {
 public:
  /// A new file with `header` as record 0; the file is durable on return, the record after Sync().
  static absl::StatusOr<std::unique_ptr<BookFile>> Create(
      Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND, const std::string& path,
      const v1::BookHeader& header);

  using Visit = std::function<absl::Status(const v1::BookRecord&, RecordPlace)>;
  /// Where the header of a later file of the day says that this one ends.
  struct End {
    BookId book;
    uint64_t records;
    uint64_t bytes;
  };
  /// What the next file of the day that counts names as the one before it: this file, or an earlier one, or
  /// none. In the latter cases this file was given up before anything of it was durable, and all of it is
  /// tail.
  struct Successor {
    std::optional<End> names;
  };
  /// Reads of an existing file what the disk holds (SyncAndForget): no more of it counts. A tail, or a
  /// successor, closes it. Null when the file is stillborn. Errors: as Environment; DataLoss when it is no
  /// book, or does not end where its successor saw it end.
  static absl::StatusOr<std::unique_ptr<BookFile>> Load(
      Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND, const std::string& path,
      const std::optional<Successor>& successor, const Visit& visit);

  const BookIds& ids() const { return ids_; }
  const std::string& path() const { return path_; }
  bool closed() const { return closed_; }
  uint64_t records() const { return tree_.size(); }
  /// Books of old days need no open file.
  void CloseWriter() { writer_.reset(); }
  bool has_writer() const { return writer_.has_value(); }

  /// In the page cache on return. Errors: FailedPrecondition when closed; after any other,
  /// CloseAtCommitted().
  absl::StatusOr<RecordPlace> Append(const v1::BookRecord& record);
  /// fdatasync, then reads the new records back and compares them. After an error: CloseAtCommitted().
  [[nodiscard]] absl::Status Sync();
  /// Gives up what came after the last good Sync(): it is the tail now. Errors: closed all the same, but the
  /// tail may still change: Settle() before its State() is told.
  [[nodiscard]] absl::Status CloseAtCommitted();
  /// Measures the tail of a closed file anew, as the disk holds it: from then on State() is final. Errors: as
  /// CloseAtCommitted.
  [[nodiscard]] absl::Status Settle();

  /// Whether its header is on the disk, as of the last Sync() or Settle(). Without it the file is stillborn:
  /// nothing tells which book it was, and no entry may name it.
  bool HasHeader() const { return committed_records_ > 0 || tail_begins_whole_; }

  /// Reads one record from the file. Errors: DataLoss when it is not what was appended.
  absl::StatusOr<v1::BookRecord> Read(RecordPlace place) const;
  /// As of the last good Sync().
  v1::BookState State() const;
  /// Errors: OutOfRange when there are fewer records.
  absl::StatusOr<Digest> RootAt(uint64_t records) const;

 private:
  BookFile(Environment& environment, std::string path) : environment_(environment), path_(std::move(path)) {}
  absl::StatusOr<v1::BookRecord> ReadFrom(const ReadFile& file, RecordPlace place) const;
  absl::StatusOr<bool> ScanFile(const Visit& visit, const std::optional<Successor>& successor);
  absl::Status MeasureTail();

  Environment& environment_;
  const std::string path_;
  BookIds ids_;
  std::optional<RecordWriter> writer_;
  MerkleTree tree_;
  uint64_t end_bytes_ = kMagicBytes;  // Of the last record in tree_.
  uint64_t committed_records_ = 0;
  uint64_t committed_bytes_ = kMagicBytes;
  std::vector<RecordPlace> uncommitted_;
  bool closed_ = false;
  uint64_t tail_bytes_ = 0;
  bool tail_begins_whole_ = false;
  Digest tail_digest_{};
};

}  // namespace turret
