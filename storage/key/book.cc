#include "storage/key/book.h"

#include "fmt/format.h"
#include "storage/base/status.h"

namespace turret {
namespace {

constexpr uint32_t kVersion = 1;
constexpr uint32_t kFirstGeneration = 1;
constexpr RecordPlace kHeaderPlace{0, kMagicBytes};

std::string MonthOf(const std::string& day) { return day.substr(0, 7); }
uint8_t BucketOf(const KeyId& id) { return id.random[0]; }

absl::StatusOr<Book::KeyNames> NamesOf(const v1::WrappedKey& key, const std::string& path) {
  const absl::StatusOr<KeyId> id = KeyId::FromProto(key.key_id());
  const absl::StatusOr<CallId> call = CallId::FromProto(key.call_id());
  const absl::StatusOr<NodeId> node = NodeId::FromProto(key.node_id());
  if (!id.ok() || !call.ok() || !node.ok())
    return absl::DataLossError(fmt::format("{}: a wrapped key without its ids", path));
  return Book::KeyNames{*id, *call, key.use(), *node};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Book>> Book::Create(const Needs& needs, const std::string& path,
                                                   const BookName& name,
                                                   const std::optional<v1::BookState>& previous) {
  TURRET_ASSIGN_OR_RETURN(const KeyTree::MonthKey month,
                          needs.tree.Month(name.book_class, MonthOf(name.day), /*create=*/true));
  v1::BookHeader header;
  header.set_format_version(kVersion);
  header.set_book_id(BookId::Make(needs.random).ToProto());
  header.set_ledger_id(needs.ledger.ToProto());
  header.set_book_class(name.book_class);
  header.set_day(name.day);
  header.set_month_key_id(month.id.ToProto());
  header.set_hash_algorithm("sha256");
  header.set_seal_algorithm("hkdf-sha256+aes-256-gcm");
  if (previous.has_value()) {
    header.set_previous_book_id(previous->book_id());
    header.set_previous_records(previous->records());
    header.set_previous_bytes(previous->bytes());
  }
  header.set_wrapped_day_key(WrapDayKey(header, month.key, SecretKey::Make(needs.random), needs.random));
  std::unique_ptr<Book> book(new Book(needs, name));
  TURRET_ASSIGN_OR_RETURN(book->file_, BookFile::Create(needs.environment, path, header));
  TURRET_RETURN_IF_ERROR(book->TakeHeader(header, path));
  return book;
}

absl::StatusOr<std::unique_ptr<Book>> Book::Load(const Needs& needs, const std::string& path,
                                                 const BookName& name,
                                                 const std::optional<BookFile::Successor>& successor,
                                                 const VisitKey& visit) {
  std::unique_ptr<Book> book(new Book(needs, name));
  const auto take = [&](const v1::BookRecord& record, RecordPlace place) -> absl::Status {
    if (record.has_header()) return book->TakeHeader(record.header(), path);
    if (record.has_bucket()) return book->TakeBucket(record.bucket(), place, path);
    TURRET_ASSIGN_OR_RETURN(const KeyNames names, NamesOf(record.key(), path));
    return visit(names, place);
  };
  TURRET_ASSIGN_OR_RETURN(book->file_, BookFile::Load(needs.environment, path, successor, take));
  if (book->file_ == nullptr) return nullptr;
  return book;
}

absl::Status Book::TakeHeader(const v1::BookHeader& header, const std::string& path) {
  if (header.ledger_id() != needs_.ledger.ToProto() || header.book_class() != name_.book_class ||
      header.day() != name_.day)
    return absl::DataLossError(fmt::format("{} is a book of another ledger, class or day", path));
  if (header.previous_book_id().empty()) return absl::OkStatus();
  TURRET_ASSIGN_OR_RETURN(const BookId previous, BookId::FromProto(header.previous_book_id()));
  previous_ = BookFile::End{previous, header.previous_records(), header.previous_bytes()};
  return absl::OkStatus();
}

absl::Status Book::TakeBucket(const v1::BucketKey& bucket, RecordPlace place, const std::string& path) {
  if (bucket.bucket() > UINT8_MAX || !buckets_.emplace(static_cast<uint8_t>(bucket.bucket()), place).second)
    return absl::DataLossError(fmt::format("{}: bucket {} does not belong here", path, bucket.bucket()));
  return absl::OkStatus();
}

absl::StatusOr<RecordPlace> Book::Add(const KeyNames& names, const SecretKey& key) {
  const uint8_t bucket = BucketOf(names.id);
  if (!buckets_.contains(bucket)) {
    TURRET_ASSIGN_OR_RETURN(const SecretKey* const day_key, DayKey());
    v1::BookRecord record;
    record.mutable_bucket()->set_bucket(bucket);
    record.mutable_bucket()->set_generation(kFirstGeneration);
    record.mutable_bucket()->set_wrapped(WrapBucketKey(file_->ids(), record.bucket(), *day_key,
                                                       SecretKey::Make(needs_.random), needs_.random));
    TURRET_ASSIGN_OR_RETURN(buckets_[bucket], file_->Append(record));
  }
  TURRET_ASSIGN_OR_RETURN(const SecretKey* const bucket_key, BucketKey(bucket));
  v1::BookRecord record;
  v1::WrappedKey& wrapped = *record.mutable_key();
  wrapped.set_key_id(names.id.ToProto());
  wrapped.set_call_id(names.call.ToProto());
  wrapped.set_use(names.use);
  wrapped.set_generation(kFirstGeneration);
  wrapped.set_node_id(names.node.ToProto());
  wrapped.set_wrapped(WrapKey(file_->ids(), wrapped, *bucket_key, key, needs_.random));
  return file_->Append(record);
}

absl::StatusOr<Book::Opened> Book::Open(RecordPlace place) {
  TURRET_ASSIGN_OR_RETURN(const v1::BookRecord record, file_->Read(place));
  if (!record.has_key())
    return absl::DataLossError(fmt::format("{}: no key at {}", file_->path(), place.offset));
  TURRET_ASSIGN_OR_RETURN(const KeyNames names, NamesOf(record.key(), file_->path()));
  TURRET_ASSIGN_OR_RETURN(const SecretKey* const bucket_key, BucketKey(BucketOf(names.id)));
  TURRET_ASSIGN_OR_RETURN(SecretKey key, UnwrapKey(file_->ids(), record.key(), *bucket_key));
  return Opened{names, std::move(key)};
}

absl::StatusOr<const SecretKey*> Book::DayKey() {
  if (day_key_.has_value()) return &*day_key_;
  TURRET_ASSIGN_OR_RETURN(const v1::BookRecord record, file_->Read(kHeaderPlace));
  TURRET_ASSIGN_OR_RETURN(const KeyTree::MonthKey month,
                          needs_.tree.Month(name_.book_class, MonthOf(name_.day), /*create=*/false));
  if (month.id.ToProto() != record.header().month_key_id())
    return absl::DataLossError(fmt::format("{} is wrapped under another month key", file_->path()));
  TURRET_ASSIGN_OR_RETURN(SecretKey key, UnwrapDayKey(record.header(), month.key));
  return &day_key_.emplace(std::move(key));
}

absl::StatusOr<const SecretKey*> Book::BucketKey(uint8_t bucket) {
  if (const auto known = bucket_keys_.find(bucket); known != bucket_keys_.end()) return &known->second;
  const auto place = buckets_.find(bucket);
  if (place == buckets_.end())
    return absl::DataLossError(fmt::format("{}: bucket {} is missing", file_->path(), bucket));
  TURRET_ASSIGN_OR_RETURN(const v1::BookRecord record, file_->Read(place->second));
  TURRET_ASSIGN_OR_RETURN(const SecretKey* const day_key, DayKey());
  TURRET_ASSIGN_OR_RETURN(SecretKey key, UnwrapBucketKey(file_->ids(), record.bucket(), *day_key));
  return &bucket_keys_.emplace(bucket, std::move(key)).first->second;
}

void Book::Forget() {
  day_key_.reset();
  bucket_keys_.clear();
}

}  // namespace turret
