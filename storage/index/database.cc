#include "storage/index/database.h"

#include <vector>

#include "fmt/format.h"
#include "rocksdb/cache.h"
#include "rocksdb/env.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/merge_operator.h"
#include "rocksdb/slice_transform.h"
#include "rocksdb/table.h"
#include "storage/base/ids.h"
#include "storage/base/status.h"
#include "storage/index/encrypted_env.h"

namespace turret::index {
namespace {

constexpr size_t kWriteBufferBytes = size_t{16} << 20;
constexpr size_t kWriteBuffersBytesMax = size_t{128} << 20;
constexpr size_t kBlockCacheBytes = size_t{64} << 20;

/// RocksDB's own log prints keys in hex. What matters of it comes back as a status.
class SilentLogger final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

/// Value and operands one behind the other: what protobuf parses as their sum.
class AppendOperator final : public rocksdb::MergeOperator {
 public:
  const char* Name() const override { return "turret.append"; }
  bool FullMergeV2(const MergeOperationInput& in, MergeOperationOutput* out) const override {
    std::string& joined = out->new_value;
    joined.clear();
    if (in.existing_value != nullptr) joined.assign(in.existing_value->data(), in.existing_value->size());
    for (const rocksdb::Slice& operand : in.operand_list) joined.append(operand.data(), operand.size());
    return true;
  }
  bool PartialMergeMulti(const rocksdb::Slice&, const std::deque<rocksdb::Slice>& operands,
                         std::string* joined, rocksdb::Logger*) const override {
    joined->clear();
    for (const rocksdb::Slice& operand : operands) joined->append(operand.data(), operand.size());
    return true;
  }
};

rocksdb::DBOptions MakeDbOptions(rocksdb::Env* env) {
  rocksdb::DBOptions options;
  options.env = env;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.info_log = std::make_shared<SilentLogger>();
  options.db_write_buffer_size = kWriteBuffersBytesMax;
  options.max_open_files = 512;
  options.write_dbid_to_manifest = true;
  return options;
}

rocksdb::ColumnFamilyOptions MakeFamilyOptions(const FamilyTraits& family,
                                               const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.merge_operator = std::make_shared<AppendOperator>();
  options.write_buffer_size = kWriteBufferBytes;
  options.compression = rocksdb::kLZ4Compression;
  options.memtable_whole_key_filtering = true;
  options.memtable_prefix_bloom_size_ratio = 0.02;
  if (family.scanned_by_id) options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(kIdBytes));
  return options;
}

}  // namespace

absl::Status FromRocks(const rocksdb::Status& status, std::string_view doing) {
  if (status.ok()) return absl::OkStatus();
  // RocksDB's text may name files, never rows.
  const std::string text = fmt::format("index: {}: {}", doing, status.ToString());
  if (status.IsCorruption() || status.IsInvalidArgument())
    return absl::DataLossError(text + "; delete the index directory, it is rebuilt from the ledger");
  return absl::UnavailableError(text);
}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& directory, SecretKey file_key) {
  std::unique_ptr<Database> database(new Database(MakeEncryptedEnv(std::move(file_key))));
  const auto cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  families.emplace_back(rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions());
  for (const FamilyTraits& family : kFamilies)
    families.emplace_back(family.name, MakeFamilyOptions(family, cache));
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  TURRET_RETURN_IF_ERROR(FromRocks(
      rocksdb::DB::Open(MakeDbOptions(database->env_.get()), directory, families, &handles, &db), "opening"));
  database->db_.reset(db);
  database->default_ = handles[0];
  std::copy(handles.begin() + 1, handles.end(), database->handles_.begin());
  return database;
}

Database::~Database() {
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* handle : handles_) (void)db_->DestroyColumnFamilyHandle(handle);
  (void)db_->DestroyColumnFamilyHandle(default_);
  (void)db_->Close();
}

absl::StatusOr<std::optional<std::string>> Database::Get(Family family, std::string_view key) const {
  std::string value;
  const rocksdb::Status status =
      db_->Get(rocksdb::ReadOptions(), handle(family), rocksdb::Slice(key.data(), key.size()), &value);
  if (status.IsNotFound()) return std::nullopt;
  TURRET_RETURN_IF_ERROR(FromRocks(status, "reading"));
  return value;
}

absl::Status Database::Cursor::status() const { return FromRocks(iterator_->status(), "reading"); }

std::unique_ptr<Database::Cursor> Database::Range(Family family, std::string_view begin,
                                                  std::string_view end) const {
  auto cursor = std::make_unique<Cursor>();
  cursor->begin_ = begin;
  cursor->end_ = end;
  cursor->begin_slice_ = cursor->begin_;
  cursor->end_slice_ = cursor->end_;
  rocksdb::ReadOptions options;
  options.iterate_lower_bound = &cursor->begin_slice_;
  if (!end.empty()) options.iterate_upper_bound = &cursor->end_slice_;
  const bool one_prefix = begin.size() >= kIdBytes && end.size() >= kIdBytes &&
                          begin.substr(0, kIdBytes) == end.substr(0, kIdBytes);
  options.total_order_seek = !one_prefix;
  options.prefix_same_as_start = one_prefix;
  cursor->iterator_.reset(db_->NewIterator(options, handle(family)));
  cursor->Seek(begin);
  return cursor;
}

absl::Status Database::Scan(Family family, std::string_view begin, std::string_view end,
                            const Visit& visit) const {
  const auto cursor = Range(family, begin, end);
  for (; cursor->Valid(); cursor->Next()) TURRET_RETURN_IF_ERROR(visit(cursor->key(), cursor->value()));
  return cursor->status();
}

absl::Status Database::Write(rocksdb::WriteBatch& batch) {
  return FromRocks(db_->Write(rocksdb::WriteOptions(), &batch), "writing");
}

std::string PrefixEnd(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<uint8_t>(end.back()) == 0xFF) end.pop_back();
  if (!end.empty()) ++end.back();
  return end;
}

}  // namespace turret::index
