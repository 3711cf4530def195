// The opened parts of an archive, in the order that they are opened in and need each other.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/ingest/archive_lock.h"
#include "monitoring/metrics.h"
#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/base/random.h"
#include "storage/index/index.h"
#include "storage/key/key_book.h"
#include "storage/key/key_tree.h"
#include "storage/key/root.h"
#include "storage/ledger/ledger.h"
#include "storage/volume/volume_store.h"

namespace turret::coordinator {

/// Class and day of each book, by the random id that leaves and keys name it by. Thread-safe.
class BookNames {
 public:
  /// Reads the header of every book under `directory`.
  [[nodiscard]] absl::Status Load(Environment& environment, const std::string& directory);
  void Learn(BookId id, const BookName& name);
  /// Errors: NotFound.
  absl::StatusOr<BookName> Of(BookId id) const;

 private:
  mutable absl::Mutex mutex_;
  std::map<BookId, BookName> names_ ABSL_GUARDED_BY(mutex_);
};

struct ArchiveParts {
  Environment& environment;
  Clock& clock;
  Random& random;
  CoordinatorMetrics& metrics;
  std::string directory;
  std::unique_ptr<ArchiveLock> lock;
  std::unique_ptr<RootKey> root;
  std::unique_ptr<KeyTree> keys;
  std::unique_ptr<Ledger> ledger;
  std::unique_ptr<KeyBooks> books;
  std::unique_ptr<Index> index;
  std::unique_ptr<VolumeStore> volumes;
  BookNames book_names;

  std::string BooksDirectory() const { return JoinPath(directory, "books"); }
  std::string Today() const { return UtcDay(clock.Utc()); }
  /// Class and day of the book that holds a key. Errors: NotFound.
  absl::StatusOr<BookName> BookNameOf(KeyId key);
  /// Adds a key to its book; not durable before books->Commit(). Errors: AlreadyExists for the id with
  /// another key.
  [[nodiscard]] absl::Status AddKey(const BookName& book, KeyId id, CallId call, v1::WrappedKey::Use use,
                                    const SecretKey& key, NodeId node);
  /// Tokens are the same for one root; the key of the files is made when missing.
  absl::StatusOr<Index::Keys> IndexKeys() const;
};

}  // namespace turret::coordinator
