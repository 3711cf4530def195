// The ledger's blocks on disk: entries in order, by index. FORMAT.md, "Ledger".
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage/base/file.h"
#include "storage/base/record_file.h"
#include "storage/ledger/block_name.h"
#include "turret/v1/ledger.pb.h"

namespace turret {

inline constexpr uint64_t kBlockBytesMax = uint64_t{64} * 1024 * 1024;

/// Threading: one writer thread calls Append, Sync, TakeUnclean and CloseIfFull; Locate from any thread.
/// Files are never cut or written over: a block that breaks is left as it is, and its entries that
/// were not synced yet are written again, with the same bytes, into the next block.
class Blocks {
 public:
  using Visit = std::function<absl::Status(uint64_t index, Bytes payload)>;
  /// Reads every block that is there and makes all of it durable. Errors: DataLoss when entries are missing.
  static absl::StatusOr<std::unique_ptr<Blocks>> Open(Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                                      const std::string& directory, const Visit& visit);

  /// Entries in the files; those that a broken block takes with it are missing until the next Append or Sync.
  uint64_t Count() const;
  /// Adds one entry; in the page cache on return. Errors: InvalidArgument when it is too large for a record.
  [[nodiscard]] absl::Status Append(Bytes payload);
  /// All entries are durable on return.
  [[nodiscard]] absl::Status Sync();
  /// Begins a new block with the next entry when the current one is full.
  void CloseIfFull(uint64_t bytes_max = kBlockBytesMax);

  /// Blocks that ended uncleanly and have not been told before: each becomes a BLOCK_CLOSED entry.
  std::vector<v1::BlockState> TakeUnclean();
  bool HasUnclean() const { return !unclean_.empty(); }

  /// Entries that follow each other in one block.
  struct Run {
    std::string path;
    std::vector<uint64_t> offsets;
  };
  /// Where the entries [begin, end) lie. `end` must not exceed Count().
  std::vector<Run> Locate(uint64_t begin, uint64_t end) const;

 private:
  struct Block {
    BlockName name;
    std::vector<uint64_t> offsets;  // Of the records that count.
    uint64_t end_bytes = kMagicBytes;
  };
  Blocks(Environment& environment, std::string directory)
      : environment_(environment), directory_(std::move(directory)) {}

  std::string PathOf(const Block& block) const { return JoinPath(directory_, FileNameOf(block.name)); }
  absl::Status LoadBlock(BlockName name, std::optional<uint64_t> next_first_index, const Visit& visit);
  absl::Status Settle(const std::string& path);
  absl::StatusOr<v1::BlockState> MeasureTail(const Block& block) const;
  absl::Status EnsureWriter();
  absl::Status BeginBlock();
  absl::Status Write(Bytes payload);
  void GiveUpBlock();

  Environment& environment_;
  const std::string directory_;
  mutable absl::Mutex mutex_;
  std::vector<Block> blocks_ ABSL_GUARDED_BY(mutex_);
  // The writer thread's own:
  std::optional<RecordWriter> writer_;
  bool is_last_open_ = false;    // The last block takes further entries.
  std::vector<Buffer> pending_;  // Appended since the last good Sync().
  uint64_t synced_ = 0;          // Entries.
  std::vector<v1::BlockState> unclean_;
};

}  // namespace turret
