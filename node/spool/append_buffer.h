// Where records wait for the next commit: memory, a lock held for a copy, nothing else.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "node/spool/block.h"
#include "node/spool/buffer_pool.h"
#include "storage/base/bytes.h"

namespace turret::node {

/// Thread-safe. Appending never waits for more than another copy.
class AppendBuffer {
 public:
  struct Options {
    size_t record_bytes_max;
    size_t chunk_bytes_max;  // A chunk becomes a block; one larger record has a chunk of its own.
    uint64_t bytes_max;      // Of all that is not durable yet.
    uint64_t reserve_bytes;  // For facts and keys only.
  };
  struct Chunk {
    uint64_t position;
    Buffer plaintext;
  };

  /// Positions go on at `position`; the disk has room for `room_bytes` more.
  AppendBuffer(const Options& options, BufferPool& pool ABSL_ATTRIBUTE_LIFETIME_BOUND, uint64_t position,
               uint64_t room_bytes)
      : options_(options),
        pool_(pool),
        position_end_(position),
        position_written_(position),
        room_bytes_(room_bytes) {}
  ~AppendBuffer();

  /// All or nothing. Errors: as Spool::AppendDatagrams.
  [[nodiscard]] absl::Status AppendDatagrams(std::span<const Datagram> datagrams);
  /// A whole record, as the functions of block.h make it. Returns its position.
  absl::StatusOr<uint64_t> AppendRecord(Bytes record);

  /// All that was appended since the last call, in order. It still counts as not durable, until Written.
  std::vector<Chunk> Take();
  void Written(uint64_t position, uint64_t room_bytes);
  void SetRoom(uint64_t room_bytes);

  uint64_t position_end() const;
  /// Not durable yet, taken or not.
  uint64_t bytes() const;

 private:
  absl::Status CheckRoom(uint64_t bytes, uint64_t reserve_bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Buffer& ChunkFor(size_t record_bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  BufferPool& pool_;
  mutable absl::Mutex mutex_;
  std::vector<Chunk> chunks_ ABSL_GUARDED_BY(mutex_);
  uint64_t position_end_ ABSL_GUARDED_BY(mutex_);
  uint64_t position_written_ ABSL_GUARDED_BY(mutex_);
  uint64_t room_bytes_ ABSL_GUARDED_BY(mutex_);
  size_t next_chunk_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace turret::node
