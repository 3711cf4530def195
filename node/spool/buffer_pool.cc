#include "node/spool/buffer_pool.h"

#include <algorithm>
#include <utility>

namespace turret::node {
namespace {

constexpr size_t kPooledBytesMin = size_t{64} * 1024;  // The allocator keeps smaller ones itself.

}  // namespace

Buffer BufferPool::Get(size_t bytes) {
  Buffer buffer;
  if (bytes >= kPooledBytesMin) {
    absl::MutexLock lock(&mutex_);
    const auto it = std::find_if(buffers_.rbegin(), buffers_.rend(), [&](const Buffer& kept) {
      return kept.capacity() >= bytes && kept.capacity() / 4 <= bytes;
    });
    if (it != buffers_.rend()) {
      buffer = std::move(*it);
      buffers_.erase(std::next(it).base());
      bytes_ -= buffer.capacity();
    }
  }
  buffer.reserve(bytes);
  return buffer;
}

void BufferPool::Put(Buffer buffer) {
  if (buffer.capacity() < kPooledBytesMin) return;
  buffer.clear();
  absl::MutexLock lock(&mutex_);
  if (bytes_ + buffer.capacity() > kPooledBytesMax) return;
  bytes_ += buffer.capacity();
  buffers_.push_back(std::move(buffer));
}

}  // namespace turret::node
