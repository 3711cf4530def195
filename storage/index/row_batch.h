// Rows on their way into the index: later entries of a batch see the rows of earlier ones.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message_lite.h"
#include "rocksdb/write_batch.h"
#include "storage/index/database.h"

namespace turret::index {

/// The same bytes for the same message, always.
std::string Serialise(const google::protobuf::MessageLite& message);

/// Not thread-safe. `database` must outlive it.
class RowBatch {
 public:
  explicit RowBatch(Database& database);

  /// A row that says all with its key, or one that nothing in Apply reads again: no overlay.
  absl::Status Mark(Family family, std::string_view key, std::string_view value = {});
  absl::Status Unmark(Family family, std::string_view key);

  void Put(Family family, std::string_view key, std::string value);
  /// Writes `message` behind what the row has.
  void Append(Family family, std::string_view key, const google::protobuf::MessageLite& message);
  /// With this batch's changes. Nullopt: no such row.
  absl::StatusOr<std::optional<std::string>> Get(Family family, std::string_view key) const;
  /// A row as message; default when there is none.
  template <class Message>
  absl::StatusOr<Message> GetMessage(Family family, std::string_view key) const {
    Message message;
    auto bytes = Get(family, key);
    if (!bytes.ok()) return bytes.status();
    if (bytes->has_value() && !message.ParseFromString(**bytes))
      return absl::DataLossError("index: a row does not parse; delete the index directory, it is rebuilt");
    return message;
  }

  /// All of it, atomically.
  absl::Status Write();

 private:
  struct Pending {
    bool replaces = false;  // `bytes` is the row; else they stand behind the row in the database.
    std::string bytes;
  };
  Database& database_;
  rocksdb::WriteBatch batch_;
  absl::flat_hash_map<std::pair<Family, std::string>, Pending> pending_;
};

}  // namespace turret::index
