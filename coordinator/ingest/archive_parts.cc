#include "coordinator/ingest/archive_parts.h"

#include "fmt/format.h"
#include "storage/base/record_file.h"
#include "storage/base/status.h"

namespace turret::coordinator {
namespace {

constexpr std::string_view kBookMagic = "TRTBOOK1";

// The header of a book, or nullopt for a file that was torn before its first record: it holds no key.
absl::StatusOr<std::optional<v1::BookHeader>> ReadBookHeader(Environment& environment,
                                                             const std::string& path) {
  std::optional<v1::BookHeader> header;
  const absl::Status scan =
      ScanRecords(environment, path, kBookMagic, [&](uint64_t, Bytes payload) {
        v1::BookRecord record;
        if (record.ParseFromArray(payload.data(), static_cast<int>(payload.size())) && record.has_header())
          header = record.header();
        return absl::CancelledError("one record is enough");
      }).status();
  // A file whose making was cut short has no magic yet: it holds no key either.
  if (!scan.ok() && !absl::IsCancelled(scan) && !absl::IsDataLoss(scan)) return scan;
  return header;
}

}  // namespace

absl::Status BookNames::Load(Environment& environment, const std::string& directory) {
  TURRET_ASSIGN_OR_RETURN(const std::vector<std::string> classes, environment.List(directory));
  for (const std::string& book_class : classes) {
    const std::string folder = JoinPath(directory, book_class);
    TURRET_ASSIGN_OR_RETURN(const std::vector<std::string> files, environment.List(folder));
    for (const std::string& file : files) {
      if (!file.ends_with(".book")) continue;
      TURRET_ASSIGN_OR_RETURN(const auto header, ReadBookHeader(environment, JoinPath(folder, file)));
      if (!header) continue;
      TURRET_ASSIGN_OR_RETURN(const BookId id, BookId::FromProto(header->book_id()));
      Learn(id, {.book_class = header->book_class(), .day = header->day()});
    }
  }
  return absl::OkStatus();
}

void BookNames::Learn(BookId id, const BookName& name) {
  absl::MutexLock lock(&mutex_);
  names_.try_emplace(id, name);
}

absl::StatusOr<BookName> BookNames::Of(BookId id) const {
  absl::MutexLock lock(&mutex_);
  const auto found = names_.find(id);
  if (found == names_.end()) return absl::NotFoundError(fmt::format("no key book {}", id.ToHex()));
  return found->second;
}

absl::StatusOr<BookName> ArchiveParts::BookNameOf(KeyId key) {
  TURRET_ASSIGN_OR_RETURN(const BookId book, books->BookOf(key));
  if (absl::StatusOr<BookName> name = book_names.Of(book); name.ok()) return name;
  // After a failed sync, keys move to a further file that nobody named to us.
  TURRET_RETURN_IF_ERROR(book_names.Load(environment, BooksDirectory()));
  return book_names.Of(book);
}

absl::Status ArchiveParts::AddKey(const BookName& book, KeyId id, CallId call, v1::WrappedKey::Use use,
                                  const SecretKey& key, NodeId node) {
  TURRET_RETURN_IF_ERROR(books->Add(book, id, call, use, key, node));
  TURRET_ASSIGN_OR_RETURN(const BookId book_id, books->BookOf(id));
  book_names.Learn(book_id, book);
  return absl::OkStatus();
}

absl::StatusOr<Index::Keys> ArchiveParts::IndexKeys() const {
  TURRET_ASSIGN_OR_RETURN(SecretKey tokens, root->Derive("index-token"));
  TURRET_ASSIGN_OR_RETURN(SecretKey files, keys->Secret("index"));
  return Index::Keys{.tokens = std::move(tokens), .files = std::move(files)};
}

}  // namespace turret::coordinator
