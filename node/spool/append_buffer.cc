#include "node/spool/append_buffer.h"

#include <algorithm>

#include "fmt/format.h"
#include "storage/base/secret.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

constexpr size_t kChunkBytesMin = size_t{4} * 1024;

}  // namespace

AppendBuffer::~AppendBuffer() {
  for (Chunk& chunk : chunks_) Wipe(chunk.plaintext);
}

absl::Status AppendBuffer::AppendDatagrams(std::span<const Datagram> datagrams) {
  uint64_t bytes = 0;
  for (const Datagram& datagram : datagrams) bytes += DatagramRecordBytes(datagram);
  absl::MutexLock lock(&mutex_);
  TURRET_RETURN_IF_ERROR(CheckRoom(bytes, options_.reserve_bytes));
  for (const Datagram& datagram : datagrams) {
    const size_t record_bytes = DatagramRecordBytes(datagram);
    AppendDatagramRecord(ChunkFor(record_bytes), datagram);
    position_end_ += record_bytes;
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> AppendBuffer::AppendRecord(Bytes record) {
  if (record.size() > options_.record_bytes_max)
    return absl::InvalidArgumentError(
        fmt::format("spool record: {} bytes, at most {}", record.size(), options_.record_bytes_max));
  absl::MutexLock lock(&mutex_);
  TURRET_RETURN_IF_ERROR(CheckRoom(record.size(), 0));
  Append(ChunkFor(record.size()), record);
  const uint64_t position = position_end_;
  position_end_ += record.size();
  return position;
}

absl::Status AppendBuffer::CheckRoom(uint64_t bytes, uint64_t reserve_bytes) const {
  const uint64_t needed = position_end_ - position_written_ + bytes + reserve_bytes;
  if (needed > room_bytes_)
    return absl::ResourceExhaustedError(fmt::format("spool: quota full, {} bytes left", room_bytes_));
  if (needed > options_.bytes_max)
    return absl::ResourceExhaustedError(
        fmt::format("spool: {} bytes wait in memory for the disk", position_end_ - position_written_));
  return absl::OkStatus();
}

// A chunk is allocated whole: growing it would copy, and leave clear text behind in the heap.
Buffer& AppendBuffer::ChunkFor(size_t record_bytes) {
  if (chunks_.empty() ||
      chunks_.back().plaintext.capacity() - chunks_.back().plaintext.size() < record_bytes) {
    const size_t bytes =
        std::max(record_bytes, std::clamp(next_chunk_bytes_, kChunkBytesMin, options_.chunk_bytes_max));
    chunks_.push_back(Chunk{position_end_, pool_.Get(bytes)});
    next_chunk_bytes_ = std::max(next_chunk_bytes_, bytes * 2);
  }
  return chunks_.back().plaintext;
}

std::vector<AppendBuffer::Chunk> AppendBuffer::Take() {
  absl::MutexLock lock(&mutex_);
  size_t taken_bytes = 0;
  for (const Chunk& chunk : chunks_) taken_bytes += chunk.plaintext.size();
  next_chunk_bytes_ = taken_bytes + taken_bytes / 4;
  return std::exchange(chunks_, {});
}

void AppendBuffer::Written(uint64_t position, uint64_t room_bytes) {
  absl::MutexLock lock(&mutex_);
  position_written_ = position;
  room_bytes_ = room_bytes;
}

void AppendBuffer::SetRoom(uint64_t room_bytes) {
  absl::MutexLock lock(&mutex_);
  room_bytes_ = room_bytes;
}

uint64_t AppendBuffer::position_end() const {
  absl::MutexLock lock(&mutex_);
  return position_end_;
}

uint64_t AppendBuffer::bytes() const {
  absl::MutexLock lock(&mutex_);
  return position_end_ - position_written_;
}

}  // namespace turret::node
