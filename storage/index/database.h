// RocksDB as the index uses it: opening, reads, one atomic write. Nothing else here includes RocksDB but
// RowBatch.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "rocksdb/db.h"
#include "storage/base/secret.h"
#include "storage/index/families.h"

namespace turret::index {

absl::Status FromRocks(const rocksdb::Status& status, std::string_view doing);

/// Threading: one writer; reads from any thread.
class Database {
 public:
  /// Every file is encrypted under `file_key` (encrypted_env.h).
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& directory, SecretKey file_key);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key) const;

  /// A cursor over [begin, end) of a family; an empty `end` has no bound. Where the family is scanned by id,
  /// all of the range must lie behind one id.
  class Cursor {
   public:
    bool Valid() const { return iterator_->Valid(); }
    void Next() { iterator_->Next(); }
    void Seek(std::string_view key) { iterator_->Seek(rocksdb::Slice(key.data(), key.size())); }
    void SeekToLast() { iterator_->SeekToLast(); }
    std::string_view key() const { return iterator_->key().ToStringView(); }
    std::string_view value() const { return iterator_->value().ToStringView(); }
    /// Not Valid() is the end of the range only when this is OK.
    absl::Status status() const;

   private:
    friend class Database;
    std::string begin_, end_;  // The iterator borrows its bounds.
    rocksdb::Slice begin_slice_, end_slice_;
    std::unique_ptr<rocksdb::Iterator> iterator_;
  };
  std::unique_ptr<Cursor> Range(Family family, std::string_view begin, std::string_view end) const;

  using Visit = std::function<absl::Status(std::string_view key, std::string_view value)>;
  /// Every row of [begin, end), in order.
  absl::Status Scan(Family family, std::string_view begin, std::string_view end, const Visit& visit) const;

  absl::Status Write(rocksdb::WriteBatch& batch);
  rocksdb::ColumnFamilyHandle* handle(Family family) const { return handles_[static_cast<size_t>(family)]; }

 private:
  explicit Database(std::unique_ptr<rocksdb::Env> env) : env_(std::move(env)) {}

  const std::unique_ptr<rocksdb::Env> env_;  // Outlives the database.
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* default_ = nullptr;
  std::array<rocksdb::ColumnFamilyHandle*, kFamilyCount> handles_{};
};

/// The smallest key that is behind every key with this prefix; empty: there is none.
std::string PrefixEnd(std::string_view prefix);

}  // namespace turret::index
