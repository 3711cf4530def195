// Memory of blocks, used again: fresh pages cost more than all that is done to a datagram.
#pragma once

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage/base/bytes.h"

namespace turret::node {

inline constexpr size_t kPooledBytesMax = size_t{32} * 1024 * 1024;

/// Thread-safe.
class BufferPool {
 public:
  /// Empty, with room for at least `bytes`, and not for much more.
  Buffer Get(size_t bytes);
  /// Takes back what was wiped.
  void Put(Buffer buffer);

 private:
  absl::Mutex mutex_;
  std::vector<Buffer> buffers_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace turret::node
