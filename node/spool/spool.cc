#include "node/spool/spool.h"

#include <algorithm>
#include <deque>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "fmt/format.h"
#include "node/spool/append_buffer.h"
#include "node/spool/spool_disk.h"
#include "storage/base/kill_point.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

using BlockPointer = std::shared_ptr<const Block>;

constexpr size_t kChunkBytesMax = size_t{1} * 1024 * 1024;
constexpr uint64_t kRoomSlackBytes = uint64_t{4} * 1024;  // Headers and framing.

}  // namespace

struct Spool::State {
  State(const SpoolOptions& given, std::unique_ptr<SpoolDisk> opened, Clock& with_clock)
      : options(given),
        clock(with_clock),
        disk(std::move(opened)),
        buffer({.record_bytes_max = std::min(kBlockBytesMax, size_t{given.extent_bytes / 4}),
                .chunk_bytes_max = std::min(kChunkBytesMax, size_t{given.extent_bytes / 4}),
                .bytes_max = given.memory_bytes_max,
                .reserve_bytes = std::min(given.bytes_max, given.memory_bytes_max) / 64},
               *pool, disk->end_position(), RoomBytes()),
        position_durable(disk->end_position()),
        position_trimmed(disk->first_position()) {
    const std::shared_ptr<const Snapshot> snapshot = disk->snapshot();
    if (snapshot != nullptr) position_trimmed = std::max(position_trimmed, snapshot->acknowledged);
    run_unmarked = disk->end_position() > 0;
    MarkRun();
  }

  uint64_t RoomBytes() const {
    const uint64_t used = disk->bytes_used() + kRoomSlackBytes;
    return options.bytes_max > used ? options.bytes_max - used : 0;
  }

  void MarkRun() ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex);
  void LastSnapshot() ABSL_LOCKS_EXCLUDED(commit_mutex, source_mutex);
  std::shared_ptr<const Snapshot> TakeSnapshot() ABSL_LOCKS_EXCLUDED(source_mutex, tail_mutex);
  absl::Status SnapshotForTrim(uint64_t position) ABSL_LOCKS_EXCLUDED(commit_mutex, source_mutex);
  absl::Status Commit() ABSL_LOCKS_EXCLUDED(commit_mutex, tail_mutex);
  void Publish(absl::Duration took) ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex);
  void Fail(absl::Duration took) ABSL_EXCLUSIVE_LOCKS_REQUIRED(commit_mutex);
  void DropTail(uint64_t other_bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tail_mutex);
  void DropRead(uint64_t position) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tail_mutex);
  BlockPointer FromTail(uint64_t position) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(tail_mutex);
  void Run();

  const SpoolOptions options;
  Clock& clock;
  const std::unique_ptr<SpoolDisk> disk;
  const std::shared_ptr<BufferPool> pool = std::make_shared<BufferPool>();  // Blocks may outlive the spool.
  AppendBuffer buffer;

  absl::Mutex commit_mutex ABSL_ACQUIRED_BEFORE(source_mutex);
  bool run_unmarked ABSL_GUARDED_BY(commit_mutex) = false;  // The spool was full when this process began.
  std::vector<BlockPointer> pending
      ABSL_GUARDED_BY(commit_mutex);  // Not durable yet: more than one commit's if it fails.

  absl::Mutex source_mutex ABSL_ACQUIRED_BEFORE(tail_mutex);  // Held while the source is called.
  SnapshotSource* source ABSL_GUARDED_BY(source_mutex) = nullptr;
  bool had_source ABSL_GUARDED_BY(source_mutex) = false;

  absl::Mutex read_mutex;  // Guards the disk's reader.

  mutable absl::Mutex tail_mutex;
  std::deque<BlockPointer> tail ABSL_GUARDED_BY(tail_mutex);  // Durable; the newest, without holes.
  uint64_t tail_bytes ABSL_GUARDED_BY(tail_mutex) = 0;
  uint64_t position_durable ABSL_GUARDED_BY(tail_mutex);
  uint64_t position_trimmed ABSL_GUARDED_BY(tail_mutex);
  absl::Duration last_commit ABSL_GUARDED_BY(tail_mutex);
  uint64_t commits ABSL_GUARDED_BY(tail_mutex) = 0;

  absl::Mutex thread_mutex;
  bool stopping ABSL_GUARDED_BY(thread_mutex) = false;
  std::thread thread;
};

// Before any datagram that this process took in.
void Spool::State::MarkRun() {
  if (!run_unmarked) return;
  Buffer record;
  AppendRunStartedRecord(record);
  run_unmarked = !buffer.AppendRecord(record).ok();
}

std::shared_ptr<const Snapshot> Spool::State::TakeSnapshot() {
  absl::MutexLock lock(&source_mutex);
  if (source == nullptr) return nullptr;
  uint64_t acknowledged = 0;
  {
    absl::MutexLock tail_lock(&tail_mutex);
    acknowledged = position_trimmed;
  }
  return std::make_shared<const Snapshot>(source->Take(acknowledged));
}

// A snapshot where extents could go with it; also when the quota is full, which only trimming ends.
absl::Status Spool::State::SnapshotForTrim(uint64_t position) {
  absl::MutexLock committing(&commit_mutex);
  const std::shared_ptr<const Snapshot> counts = disk->snapshot();
  if (counts != nullptr && disk->WouldTrim(std::min(position, counts->oldest_needed)))
    return absl::OkStatus();
  std::shared_ptr<const Snapshot> taken;
  {
    absl::MutexLock lock(&source_mutex);
    if (source == nullptr || !disk->WouldTrim(source->OldestNeeded(position))) return absl::OkStatus();
    taken = std::make_shared<const Snapshot>(source->Take(position));
  }
  return disk->WriteSnapshot(std::move(taken));
}

// Little is left to read again for who starts next.
void Spool::State::LastSnapshot() {
  absl::MutexLock committing(&commit_mutex);
  if (std::shared_ptr<const Snapshot> taken = TakeSnapshot(); taken != nullptr)
    disk->WriteSnapshot(std::move(taken)).IgnoreError();  // The one before goes on to count.
}

absl::Status Spool::State::Commit() {
  absl::MutexLock committing(&commit_mutex);
  const absl::Duration begin = clock.Elapsed();
  MarkRun();
  for (AppendBuffer::Chunk& chunk : buffer.Take())
    pending.push_back(std::make_shared<const Block>(chunk.position, std::move(chunk.plaintext), pool));
  if (pending.empty()) return absl::OkStatus();
  absl::Status written = disk->Write(pending, [this] { return TakeSnapshot(); });
  if (written.ok())
    Publish(clock.Elapsed() - begin);
  else
    Fail(clock.Elapsed() - begin);
  return written;
}

void Spool::State::Publish(absl::Duration took) {
  KillPoint("synced");
  buffer.Written(pending.back()->end_position(), RoomBytes());
  const uint64_t other_bytes = buffer.bytes();
  absl::MutexLock lock(&tail_mutex);
  position_durable = pending.back()->end_position();
  for (BlockPointer& block : pending) {
    tail_bytes += block->plaintext().size();
    tail.push_back(std::move(block));
  }
  pending.clear();
  DropTail(other_bytes);
  last_commit = took;
  ++commits;
}

void Spool::State::Fail(absl::Duration took) {
  const uint64_t other_bytes = buffer.bytes();
  absl::MutexLock lock(&tail_mutex);
  DropTail(other_bytes);
  last_commit = took;
}

// Committed blocks make way for those that are in memory only.
void Spool::State::DropTail(uint64_t other_bytes) {
  while (!tail.empty() && tail_bytes + other_bytes > options.memory_bytes_max) {
    tail_bytes -= tail.front()->plaintext().size();
    tail.pop_front();
  }
}

// The reader is beyond: memory is needed for what comes. Who reads again reads the disk.
void Spool::State::DropRead(uint64_t position) {
  while (!tail.empty() && tail.front()->end_position() <= position) {
    tail_bytes -= tail.front()->plaintext().size();
    tail.pop_front();
  }
}

// Null when memory does not reach back to `position`.
BlockPointer Spool::State::FromTail(uint64_t position) const {
  if (tail.empty() || position < tail.front()->position()) return nullptr;
  const auto it = std::partition_point(
      tail.begin(), tail.end(), [&](const BlockPointer& block) { return block->end_position() <= position; });
  return it == tail.end() ? nullptr : *it;
}

void Spool::State::Run() {
  absl::Duration wait = kCommitInterval;
  bool last = false;
  while (!last) {
    {
      absl::MutexLock lock(&thread_mutex);
      last = thread_mutex.AwaitWithTimeout(absl::Condition(&stopping), wait);
    }
    const absl::Duration begin = clock.Elapsed();
    Commit().IgnoreError();  // Counted in the stats, and tried again with all that comes.
    wait = std::max(absl::ZeroDuration(), kCommitInterval - (clock.Elapsed() - begin));
  }
}

absl::StatusOr<std::unique_ptr<Spool>> Spool::Open(const SpoolOptions& options, Environment& environment,
                                                   SecretKey key, Clock& clock, Random& random) {
  TURRET_ASSIGN_OR_RETURN(std::unique_ptr<SpoolDisk> disk,
                          SpoolDisk::Open({options.directory, options.bytes_max, options.extent_bytes},
                                          environment, std::move(key), random));
  return std::unique_ptr<Spool>(new Spool(std::make_unique<State>(options, std::move(disk), clock)));
}

Spool::Spool(std::unique_ptr<State> state) : state_(std::move(state)) {}
Spool::~Spool() { Stop(); }

absl::Status Spool::AppendDatagrams(std::span<const Datagram> datagrams) {
  return state_->buffer.AppendDatagrams(datagrams);
}

absl::StatusOr<uint64_t> Spool::AppendFact(const v1::Fact& fact) {
  Buffer record;
  AppendFactRecord(record, fact);
  const absl::StatusOr<uint64_t> position = state_->buffer.AppendRecord(record);
  Wipe(record);
  return position;
}

absl::StatusOr<uint64_t> Spool::AppendUnitKey(const UnitKeyRecord& unit) {
  Buffer record;
  record.reserve(1024);  // No copy of the key left behind by growing.
  AppendUnitKeyRecord(record, unit);
  const absl::StatusOr<uint64_t> position = state_->buffer.AppendRecord(record);
  Wipe(record);
  return position;
}

absl::Status Spool::Commit() { return state_->Commit(); }

absl::Status Spool::WaitDurable(uint64_t position, absl::Duration timeout) {
  State& state = *state_;
  const auto durable = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.tail_mutex) {
    return state.position_durable > position ||
           (state.position_durable == position && state.buffer.position_end() == position);
  };
  absl::MutexLock lock(&state.tail_mutex);
  if (state.tail_mutex.AwaitWithTimeout(absl::Condition(&durable), timeout)) return absl::OkStatus();
  return absl::DeadlineExceededError(
      fmt::format("spool: durable up to {} only, not {}", state.position_durable, position));
}

void Spool::Start() {
  absl::MutexLock lock(&state_->thread_mutex);
  if (state_->thread.joinable()) return;
  state_->stopping = false;
  state_->thread = std::thread([state = state_.get()] { state->Run(); });
}

void Spool::Stop() {
  {
    absl::MutexLock lock(&state_->thread_mutex);
    if (!state_->thread.joinable()) return;
    state_->stopping = true;
  }
  state_->thread.join();
  state_->LastSnapshot();
}

absl::StatusOr<std::shared_ptr<const Block>> Spool::Read(uint64_t position, absl::Duration timeout) {
  State& state = *state_;
  const auto there = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.tail_mutex) {
    return state.position_durable > position;
  };
  while (true) {
    uint64_t durable = 0;
    {
      absl::MutexLock lock(&state.tail_mutex);
      const bool waits = timeout > absl::ZeroDuration();  // Else no system call.
      if (waits ? !state.tail_mutex.AwaitWithTimeout(absl::Condition(&there), timeout) : !there())
        return nullptr;
      state.DropRead(position);
      if (BlockPointer block = state.FromTail(position)) return block;
      durable = state.position_durable;
    }
    absl::MutexLock reading(&state.read_mutex);
    TURRET_ASSIGN_OR_RETURN(BlockPointer block, state.disk->Read(position));
    if (block != nullptr) return block;
    position = durable;  // Nothing there any more (trimmed, lost): wait for what comes.
  }
}

void Spool::SetSnapshotSource(SnapshotSource* source) {
  absl::MutexLock lock(&state_->source_mutex);
  state_->source = source;
  state_->had_source = state_->had_source || source != nullptr;
}

std::shared_ptr<const Snapshot> Spool::snapshot() const { return state_->disk->snapshot(); }

uint64_t Spool::Oldest() const {
  if (const auto snapshot = state_->disk->snapshot())
    return std::max(snapshot->oldest_needed, state_->disk->first_position());
  {
    absl::MutexLock lock(&state_->source_mutex);
    if (state_->had_source) return state_->disk->first_position();  // Nothing can go yet.
  }
  absl::MutexLock lock(&state_->tail_mutex);
  return std::max(state_->position_trimmed, state_->disk->first_position());
}

absl::Status Spool::Trim(uint64_t position) {
  State& state = *state_;
  {
    absl::MutexLock lock(&state.tail_mutex);
    position = std::max(state.position_trimmed, std::min(position, state.position_durable));
    state.position_trimmed = position;
    state.DropRead(position);
  }
  TURRET_RETURN_IF_ERROR(state.SnapshotForTrim(position));
  {
    absl::MutexLock lock(&state.source_mutex);
    if (state.had_source && state.disk->snapshot() == nullptr) return absl::OkStatus();
  }
  const absl::Status trimmed = state.disk->Trim(position);
  state.buffer.SetRoom(state.RoomBytes());
  KillPoint("trimmed");
  return trimmed;
}

SpoolStats Spool::Stats() const {
  const State& state = *state_;
  SpoolStats stats{.bytes_used = state.disk->bytes_used(),
                   .bytes_max = state.options.bytes_max,
                   .position_end = state.buffer.position_end(),
                   .bytes_uncommitted = state.buffer.bytes(),
                   .bytes_unreadable = state.disk->bytes_unreadable(),
                   .extents_unopened = state.disk->extents_unopened()};
  absl::MutexLock lock(&state.tail_mutex);
  stats.position_durable = state.position_durable;
  stats.position_trimmed = state.position_trimmed;
  stats.last_commit = state.last_commit;
  stats.commits = state.commits;
  stats.commits_failed = state.disk->faults();
  return stats;
}

}  // namespace turret::node
