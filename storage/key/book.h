// One file of a key book with its keys: day key → bucket keys → wrapped keys. FORMAT.md, "Key book".
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "storage/base/ids.h"
#include "storage/base/random.h"
#include "storage/base/secret.h"
#include "storage/key/book_file.h"
#include "storage/key/key_tree.h"

namespace turret {

struct BookName {
  std::string book_class;  // A storage class, or "access", "coverage", "case", "destruction".
  std::string day;         // yyyy-mm-dd.
  auto operator<=>(const BookName&) const = default;
};

/// Not thread-safe.
class Book {
 public:
  struct Needs {
    Environment& environment;
    LedgerId ledger;
    KeyTree& tree;
    Random& random;
  };
  struct KeyNames {
    KeyId id;
    CallId call;
    v1::WrappedKey::Use use = v1::WrappedKey::USE_UNSPECIFIED;
    NodeId node;
  };

  /// A new file with a day key of its own. `previous`: state of the file of this day that it goes on from.
  static absl::StatusOr<std::unique_ptr<Book>> Create(const Needs& needs, const std::string& path,
                                                      const BookName& name,
                                                      const std::optional<v1::BookState>& previous);
  using VisitKey = std::function<absl::Status(const KeyNames&, RecordPlace)>;
  /// Null when the file is stillborn. Errors: DataLoss, see BookFile::Load; also when it is a book of another
  /// name, ledger or time.
  static absl::StatusOr<std::unique_ptr<Book>> Load(const Needs& needs, const std::string& path,
                                                    const BookName& name,
                                                    const std::optional<BookFile::Successor>& successor,
                                                    const VisitKey& visit);

  /// Wraps and appends a key, and first its bucket's when it is the bucket's first.
  absl::StatusOr<RecordPlace> Add(const KeyNames& names, const SecretKey& key);

  struct Opened {
    KeyNames names;
    SecretKey key;
  };
  /// What stands in the file at `place`. Errors: DataLoss.
  absl::StatusOr<Opened> Open(RecordPlace place);
  /// Wipes the day and bucket keys that Open() unwrapped.
  void Forget();

  BookFile& file() { return *file_; }
  const BookFile& file() const { return *file_; }
  const BookName& name() const { return name_; }
  /// The file of this day that this one goes on from, and where that ends.
  const std::optional<BookFile::End>& previous() const { return previous_; }

 private:
  Book(const Needs& needs, BookName name) : needs_(needs), name_(std::move(name)) {}
  absl::Status TakeHeader(const v1::BookHeader& header, const std::string& path);
  absl::Status TakeBucket(const v1::BucketKey& bucket, RecordPlace place, const std::string& path);
  absl::StatusOr<const SecretKey*> DayKey();
  absl::StatusOr<const SecretKey*> BucketKey(uint8_t bucket);

  const Needs needs_;
  const BookName name_;
  std::unique_ptr<BookFile> file_;
  std::optional<BookFile::End> previous_;
  std::map<uint8_t, RecordPlace> buckets_;
  // Unwrapped from what was read back from the file, never what Add() made.
  std::optional<SecretKey> day_key_;
  std::map<uint8_t, SecretKey> bucket_keys_;
};

}  // namespace turret
