#include "storage/index/row_batch.h"

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "storage/base/status.h"

namespace turret::index {
namespace {

rocksdb::Slice AsSlice(std::string_view text) { return {text.data(), text.size()}; }

void SerialiseBehind(const google::protobuf::MessageLite& message, std::string& out) {
  google::protobuf::io::StringOutputStream stream(&out);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializePartialToCodedStream(&coded);
}

}  // namespace

std::string Serialise(const google::protobuf::MessageLite& message) {
  std::string out;
  SerialiseBehind(message, out);
  return out;
}

RowBatch::RowBatch(Database& database) : database_(database) {}

absl::Status RowBatch::Mark(Family family, std::string_view key, std::string_view value) {
  return FromRocks(batch_.Put(database_.handle(family), AsSlice(key), AsSlice(value)), "batching");
}

absl::Status RowBatch::Unmark(Family family, std::string_view key) {
  return FromRocks(batch_.Delete(database_.handle(family), AsSlice(key)), "batching");
}

void RowBatch::Put(Family family, std::string_view key, std::string value) {
  pending_[std::pair(family, std::string(key))] = Pending{.replaces = true, .bytes = std::move(value)};
}

void RowBatch::Append(Family family, std::string_view key, const google::protobuf::MessageLite& message) {
  SerialiseBehind(message, pending_[std::pair(family, std::string(key))].bytes);
}

absl::StatusOr<std::optional<std::string>> RowBatch::Get(Family family, std::string_view key) const {
  const auto found = pending_.find(std::pair(family, std::string(key)));
  if (found == pending_.end()) return database_.Get(family, key);
  if (found->second.replaces) return found->second.bytes;
  TURRET_ASSIGN_OR_RETURN(std::optional<std::string> row, database_.Get(family, key));
  if (!row.has_value()) row.emplace();
  row->append(found->second.bytes);
  return row;
}

absl::Status RowBatch::Write() {
  for (const auto& [where, row] : pending_) {
    rocksdb::ColumnFamilyHandle* const handle = database_.handle(where.first);
    const rocksdb::Status status = row.replaces
                                       ? batch_.Put(handle, AsSlice(where.second), AsSlice(row.bytes))
                                       : batch_.Merge(handle, AsSlice(where.second), AsSlice(row.bytes));
    TURRET_RETURN_IF_ERROR(FromRocks(status, "batching"));
  }
  return database_.Write(batch_);
}

}  // namespace turret::index
