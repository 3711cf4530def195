#include "storage/key/book_file.h"

#include <algorithm>

#include "fmt/format.h"
#include "storage/base/status.h"

namespace turret {
namespace {

constexpr std::string_view kMagic = "TRTBOOK1";
constexpr uint32_t kVersion = 1;

absl::StatusOr<v1::BookRecord> Parse(Bytes payload, const std::string& path, uint64_t offset) {
  v1::BookRecord record;
  if (record.ParseFromArray(payload.data(), static_cast<int>(payload.size())) &&
      record.record_case() != v1::BookRecord::RECORD_NOT_SET)
    return record;
  return absl::DataLossError(fmt::format("{}: record at offset {} is no book record", path, offset));
}

absl::StatusOr<BookIds> IdsOf(const v1::BookHeader& header, const std::string& path) {
  absl::StatusOr<LedgerId> ledger = LedgerId::FromProto(header.ledger_id());
  absl::StatusOr<BookId> book = BookId::FromProto(header.book_id());
  if (header.format_version() != kVersion || !ledger.ok() || !book.ok())
    return absl::DataLossError(
        fmt::format("{}: header of version {}, or without its ids", path, header.format_version()));
  return BookIds{*ledger, *book};
}

BookFile::End EndOf(BookId book, const BookFile::Successor& successor) {
  if (successor.names.has_value() && successor.names->book == book) return *successor.names;
  return {book, 0, kMagicBytes};
}

}  // namespace

absl::StatusOr<std::unique_ptr<BookFile>> BookFile::Create(Environment& environment, const std::string& path,
                                                           const v1::BookHeader& header) {
  std::unique_ptr<BookFile> book(new BookFile(environment, path));
  TURRET_ASSIGN_OR_RETURN(book->ids_, IdsOf(header, path));
  TURRET_ASSIGN_OR_RETURN(RecordWriter writer, RecordWriter::Create(environment, path, kMagic));
  book->writer_ = std::move(writer);
  v1::BookRecord record;
  *record.mutable_header() = header;
  TURRET_RETURN_IF_ERROR(book->Append(record).status());
  return book;
}

absl::StatusOr<std::unique_ptr<BookFile>> BookFile::Load(Environment& environment, const std::string& path,
                                                         const std::optional<Successor>& successor,
                                                         const Visit& visit) {
  // What a killed process or a failed sync left: only what the disk holds counts.
  TURRET_RETURN_IF_ERROR(environment.SyncAndForget(path));
  TURRET_ASSIGN_OR_RETURN(const std::unique_ptr<ReadFile> file, environment.OpenForRead(path));
  TURRET_ASSIGN_OR_RETURN(const bool stillborn, IsStillborn(*file));
  std::unique_ptr<BookFile> book(new BookFile(environment, path));
  if (stillborn) return nullptr;
  TURRET_ASSIGN_OR_RETURN(const bool has_header, book->ScanFile(visit, successor));
  if (!has_header) return nullptr;
  book->committed_records_ = book->records();
  book->committed_bytes_ = book->end_bytes_;
  TURRET_RETURN_IF_ERROR(book->MeasureTail());
  book->closed_ = successor.has_value() || book->tail_bytes_ != 0;
  return book;
}

absl::StatusOr<bool> BookFile::ScanFile(const Visit& visit, const std::optional<Successor>& successor) {
  bool has_header = false;
  std::optional<End> end;  // What counts, when there is a successor.
  const auto take = [&](uint64_t offset, Bytes payload) -> absl::Status {
    if (end.has_value() && records() == end->records) return absl::OkStatus();
    TURRET_ASSIGN_OR_RETURN(const v1::BookRecord record, Parse(payload, path_, offset));
    if (record.has_header() == has_header)
      return absl::DataLossError(
          fmt::format("{}: header and record {} are not in their places", path_, records()));
    TURRET_RETURN_IF_ERROR(visit(record, {records(), offset}));
    if (!has_header) {
      has_header = true;
      TURRET_ASSIGN_OR_RETURN(ids_, IdsOf(record.header(), path_));
      if (successor.has_value()) end = EndOf(ids_.book, *successor);
      if (end.has_value() && end->records == 0) return absl::OkStatus();
    }
    tree_.Append(MerkleLeafHash({payload}));
    end_bytes_ = offset + payload.size() + kRecordOverheadBytes;
    return absl::OkStatus();
  };
  TURRET_RETURN_IF_ERROR(ScanRecords(environment_, path_, kMagic, take).status());
  if (end.has_value() && (records() != end->records || end_bytes_ != end->bytes))
    return absl::DataLossError(fmt::format("{}: {} records in {} bytes, but the file after it saw {} in {}",
                                           path_, records(), end_bytes_, end->records, end->bytes));
  return has_header;
}

absl::Status BookFile::Settle() {
  TURRET_RETURN_IF_ERROR(environment_.SyncAndForget(path_));
  return MeasureTail();
}

absl::Status BookFile::MeasureTail() {
  TURRET_ASSIGN_OR_RETURN(const std::unique_ptr<ReadFile> file, environment_.OpenForRead(path_));
  TURRET_ASSIGN_OR_RETURN(const uint64_t size_bytes, file->SizeBytes());
  tail_bytes_ = size_bytes - std::min(size_bytes, committed_bytes_);
  if (tail_bytes_ == 0) return absl::OkStatus();
  TURRET_ASSIGN_OR_RETURN(const Buffer tail, file->ReadAt(committed_bytes_, tail_bytes_));
  tail_digest_ = Sha256(tail);
  const absl::StatusOr<Buffer> first = ReadRecord(*file, committed_bytes_);
  tail_begins_whole_ = first.ok();
  const bool torn = absl::IsOutOfRange(first.status()) || absl::IsDataLoss(first.status());
  return torn ? absl::OkStatus() : first.status();
}

absl::StatusOr<RecordPlace> BookFile::Append(const v1::BookRecord& record) {
  if (closed_) return absl::FailedPreconditionError(fmt::format("{} is closed", path_));
  if (!writer_.has_value()) {
    TURRET_ASSIGN_OR_RETURN(RecordWriter writer, RecordWriter::Reopen(environment_, path_, end_bytes_));
    writer_ = std::move(writer);
  }
  const std::string payload = record.SerializeAsString();
  TURRET_ASSIGN_OR_RETURN(const Appended appended, writer_->Append(AsBytes(payload)));
  const RecordPlace place{records(), appended.offset_begin};
  tree_.Append(MerkleLeafHash({AsBytes(payload)}));
  end_bytes_ = appended.offset_end;
  uncommitted_.push_back(place);
  return place;
}

absl::Status BookFile::Sync() {
  if (uncommitted_.empty()) return absl::OkStatus();
  TURRET_ASSIGN_OR_RETURN(const Durable durable, writer_->Sync());
  if (durable.offset_end() != end_bytes_)
    return absl::InternalError(
        fmt::format("{}: synced to {}, want {}", path_, durable.offset_end(), end_bytes_));
  TURRET_ASSIGN_OR_RETURN(const std::unique_ptr<ReadFile> file, environment_.OpenForRead(path_));
  for (const RecordPlace& place : uncommitted_) TURRET_RETURN_IF_ERROR(ReadFrom(*file, place).status());
  uncommitted_.clear();
  committed_records_ = records();
  committed_bytes_ = end_bytes_;
  return absl::OkStatus();
}

absl::Status BookFile::CloseAtCommitted() {
  closed_ = true;
  writer_.reset();
  uncommitted_.clear();
  MerkleTree kept;
  for (uint64_t i = 0; i < committed_records_; ++i) kept.Append(tree_.leaf(i));
  tree_ = std::move(kept);
  end_bytes_ = committed_bytes_;
  return Settle();
}

absl::StatusOr<v1::BookRecord> BookFile::Read(RecordPlace place) const {
  TURRET_ASSIGN_OR_RETURN(const std::unique_ptr<ReadFile> file, environment_.OpenForRead(path_));
  return ReadFrom(*file, place);
}

absl::StatusOr<v1::BookRecord> BookFile::ReadFrom(const ReadFile& file, RecordPlace place) const {
  if (place.record >= records())
    return absl::OutOfRangeError(fmt::format("{}: no record {}", path_, place.record));
  const absl::StatusOr<Buffer> payload = ReadRecord(file, place.offset);
  if (payload.ok() && MerkleLeafHash({*payload}) == tree_.leaf(place.record))
    return Parse(*payload, path_, place.offset);
  return absl::DataLossError(
      fmt::format("{}: record {} at offset {} was altered or lost", path_, place.record, place.offset));
}

absl::StatusOr<Digest> BookFile::RootAt(uint64_t count) const {
  if (count <= records()) return tree_.RootAt(count);
  return absl::OutOfRangeError(fmt::format("{} has {} records, not {}", path_, records(), count));
}

v1::BookState BookFile::State() const {
  v1::BookState state;
  state.set_book_id(ids_.book.ToProto());
  state.set_records(committed_records_);
  state.set_root(ToString(tree_.RootAt(committed_records_)));
  state.set_bytes(committed_bytes_);
  state.set_closed(closed_);
  if (tail_bytes_ == 0) return state;
  state.set_tail_bytes(tail_bytes_);
  state.set_tail_digest(ToString(tail_digest_));
  return state;
}

}  // namespace turret
