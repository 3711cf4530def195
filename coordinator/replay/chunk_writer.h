// Output of a replay in chunks of a bounded size.
#pragma once

#include "absl/status/status.h"
#include "coordinator/replay/replay.h"
#include "storage/base/bytes.h"

namespace turret::coordinator {

inline constexpr size_t kPlayChunkBytesMax = size_t{64} * 1024;

/// Not thread-safe. Nothing is sent before a chunk is full, or Flush.
class ChunkWriter {
 public:
  explicit ChunkWriter(const ChunkSink& sink) : sink_(sink) {}
  [[nodiscard]] absl::Status Write(Bytes bytes);
  [[nodiscard]] absl::Status Flush();

 private:
  const ChunkSink& sink_;
  v1::PlayChunk chunk_;
};

}  // namespace turret::coordinator
