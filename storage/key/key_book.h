// Key books: one record file for each book class and day, books/<class>/<yyyy-mm-dd>.book. Wrapped keys are
// appended; buckets are rewritten only by destruction. FORMAT.md, "Key book".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage/base/ids.h"
#include "storage/base/merkle.h"
#include "storage/key/book.h"
#include "storage/key/key_tree.h"
#include "turret/v1/archive.pb.h"
#include "turret/v1/ledger.pb.h"

namespace turret {

/// All key books of an archive. Thread-safe. What it borrows must outlive it.
class KeyBooks {
 public:
  /// Opens every book that exists; each record is read as the disk holds it, and its Merkle tree rebuilt. A
  /// torn tail closes that book: the next key of its day goes to a further file (<day>.1.book, …). Errors: as
  /// Environment; DataLoss when a file is missing, no book of this ledger, class and day, or shorter than the
  /// file after it saw it, and when a key stands in two records.
  static absl::StatusOr<std::unique_ptr<KeyBooks>> Open(
      Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND, const std::string& directory, LedgerId ledger,
      KeyTree& tree ABSL_ATTRIBUTE_LIFETIME_BOUND, Random& random ABSL_ATTRIBUTE_LIFETIME_BOUND);

  /// Wraps `key` and appends it. In the page cache on return; Commit() makes it durable. Adding the same key
  /// id with the same key, call and use again does nothing. Errors: AlreadyExists for the same id with
  /// another; InvalidArgument for a class or day that is none.
  [[nodiscard]] absl::Status Add(const BookName& book, KeyId id, CallId call, v1::WrappedKey::Use use,
                                 const SecretKey& key, NodeId node);

  /// Syncs every book touched since the last Commit, reads the new records back from the file, and returns
  /// the new state of each: the caller writes one BOOK_EXTENDED entry for each. When a sync fails, the file
  /// is closed at its last good state, and the keys since stand in a further file: both states are in the
  /// answer, that of the closed one as soon as its tail and the further file stand on the disk: it is final.
  /// Errors: as Environment; then not all keys added since the last good Commit are durable, those that are
  /// in no file are not found, but all are kept, and the next Add or Commit tries again.
  absl::StatusOr<std::vector<v1::BookState>> Commit();

  /// The key, unwrapped from what stands in the book's file (read back, never a copy in memory from Add).
  /// Errors: NotFound; DataLoss when its record, bucket or day key does not open.
  absl::StatusOr<SecretKey> Find(KeyId id) const;
  /// Which book holds it; a leaf names the book by its random id.
  absl::StatusOr<BookId> BookOf(KeyId id) const;

  /// The body key (Use BOOK) of a book class that outlives calls, made when missing. Not durable before
  /// Commit().
  struct BodyKey {
    BookId book;
    KeyId id;
    SecretKey key;
  };
  absl::StatusOr<BodyKey> BookBodyKey(const BookName& book);

  /// State of every book as Open() found it, torn tails and records without an entry included. The
  /// coordinator compares them with the ledger: it writes an entry for each book that has grown or was closed
  /// since its last one, and refuses to start when a book has less than the ledger knows, or another root at
  /// that size (RootAt).
  std::vector<v1::BookState> StatesOnOpen() const;
  /// Root of a book's first `records` records. Errors: NotFound; OutOfRange when it has fewer.
  absl::StatusOr<Digest> RootAt(BookId book, uint64_t records) const;

  ~KeyBooks();

 private:
  struct State;
  explicit KeyBooks(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace turret
