#include "node/spool/spool_disk.h"

#include <algorithm>

#include "fmt/format.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

constexpr int kReadFailuresMax = 3;  // In a row, before what cannot be read is given up.

}  // namespace

absl::StatusOr<std::unique_ptr<SpoolDisk>> SpoolDisk::Open(const Options& options, Environment& environment,
                                                           SecretKey key, Random& random) {
  std::unique_ptr<SpoolDisk> disk(new SpoolDisk(options, environment, std::move(key), random));
  TURRET_RETURN_IF_ERROR(environment.CreateDirectories(options.directory));
  TURRET_RETURN_IF_ERROR(disk->LoadExtents());
  TURRET_RETURN_IF_ERROR(disk->SettleOldExtents());
  TURRET_RETURN_IF_ERROR(disk->LoadSnapshot());
  Touched created;
  TURRET_RETURN_IF_ERROR(disk->NewExtent(disk->next_position_, 0, disk->snapshot(), created));
  TURRET_RETURN_IF_ERROR(disk->writer_->Sync());
  absl::MutexLock lock(&disk->mutex_);
  for (auto it = disk->extents_.begin(); it != disk->extents_.end();) {
    // What was never written to says nothing any more, now that the new extent holds the position.
    if (it->second.empty()) TURRET_RETURN_IF_ERROR(environment.Remove(it->second.path));
    it = it->second.empty() ? disk->extents_.erase(it) : std::next(it);
  }
  disk->extents_.merge(created.extents);
  return disk;
}

absl::Status SpoolDisk::LoadExtents() {
  TURRET_ASSIGN_OR_RETURN(const std::vector<std::string> names, environment_.List(options_.directory));
  std::vector<uint64_t> numbers;
  for (const std::string& name : names) {
    const std::optional<uint64_t> number =
        ExtentNumber(std::string_view(name).substr(0, ExtentName(0).size()));
    if (!number.has_value()) continue;
    next_number_ = std::max(next_number_, *number + 1);
    if (name == ExtentName(*number))
      numbers.push_back(*number);
    else
      SkipPositionsOf(JoinPath(options_.directory, name));  // Aside since an earlier start.
  }
  for (size_t i = 0; i < numbers.size(); ++i) {
    // The last that was written to, and an empty one behind it: the process before may not have synced them.
    if (i + 2 >= numbers.size())
      TURRET_RETURN_IF_ERROR(
          environment_.SyncAndForget(JoinPath(options_.directory, ExtentName(numbers[i]))));
    TURRET_RETURN_IF_ERROR(LoadExtent(numbers[i]));
  }
  return absl::OkStatus();
}

absl::Status SpoolDisk::LoadExtent(uint64_t number) {
  const std::string path = JoinPath(options_.directory, ExtentName(number));
  absl::StatusOr<Extent> extent = ScanExtent(environment_, path, key_);
  if (absl::IsNotFound(extent.status())) return environment_.Remove(path);
  if (absl::IsDataLoss(extent.status()) || (extent.ok() && extent->number != number)) return PutAside(path);
  TURRET_RETURN_IF_ERROR(extent.status());
  absl::MutexLock lock(&mutex_);
  extents_.emplace(number, *std::move(extent));
  return absl::OkStatus();
}

absl::Status SpoolDisk::PutAside(const std::string& path) {
  SkipPositionsOf(path);
  ++extents_unopened_;
  return environment_.Rename(path, path + ".unopened");
}

// Its positions are taken, even if nobody can say how many.
void SpoolDisk::SkipPositionsOf(const std::string& path) {
  const std::optional<uint64_t> bound = PositionBoundOf(environment_, path);
  if (!bound.has_value()) return;
  next_position_ = std::max(next_position_, *bound);
  skipped_to_.insert(*bound);
}

// From the newest back: the last one that holds blocks may have a torn tail, and each ends where a later one
// begins.
absl::Status SpoolDisk::SettleOldExtents() {
  absl::MutexLock lock(&mutex_);
  std::optional<uint64_t> later_begins;
  for (auto it = extents_.rbegin(); it != extents_.rend(); ++it) {
    Extent& extent = it->second;
    next_position_ = std::max(next_position_, extent.first_position);
    if (extent.empty()) continue;
    if (!later_begins.has_value()) TURRET_RETURN_IF_ERROR(VerifyLast(extent));
    next_position_ = std::max(next_position_, extent.end_position);
    if (later_begins.has_value() && extent.end_position < *later_begins &&
        !skipped_to_.contains(*later_begins))
      bytes_unreadable_ += *later_begins - extent.end_position;
    if (later_begins.has_value()) extent.end_position = std::min(extent.end_position, *later_begins);
    if (!extent.empty()) later_begins = extent.first_position;
  }
  return absl::OkStatus();
}

absl::Status SpoolDisk::VerifyLast(Extent& extent) {
  TURRET_ASSIGN_OR_RETURN(ExtentReader reader, ExtentReader::Open(environment_, extent));
  const uint64_t scanned_end_offset = extent.end_offset;
  extent.end_position = extent.first_position;
  extent.end_offset = kExtentHeaderBytes;
  while (reader.offset() < scanned_end_offset) {
    const auto block = reader.Next();
    if (absl::IsDataLoss(block.status())) break;
    TURRET_RETURN_IF_ERROR(block.status());
    extent.end_position = reader.position();
    extent.end_offset = reader.offset();
  }
  return absl::OkStatus();
}

// The newest that is whole.
absl::Status SpoolDisk::LoadSnapshot() {
  absl::MutexLock lock(&mutex_);
  for (auto it = extents_.rbegin(); it != extents_.rend(); ++it) {
    std::vector<uint64_t>& offsets = it->second.snapshots;
    for (; !offsets.empty() && snapshot_ == nullptr; offsets.pop_back()) {
      absl::StatusOr<Snapshot> snapshot = ReadSnapshot(environment_, it->second, offsets.back());
      if (absl::IsDataLoss(snapshot.status())) continue;
      TURRET_RETURN_IF_ERROR(snapshot.status());
      snapshot_ = std::make_shared<const Snapshot>(*std::move(snapshot));
    }
    offsets.clear();
  }
  return absl::OkStatus();
}

std::shared_ptr<const Snapshot> SpoolDisk::snapshot() const {
  absl::MutexLock lock(&mutex_);
  return snapshot_;
}

absl::Status SpoolDisk::NewExtent(uint64_t first_position, uint64_t bytes_min,
                                  std::shared_ptr<const Snapshot> snapshot, Touched& touched) {
  const uint64_t used = bytes_used();
  const uint64_t left = options_.bytes_max > used ? options_.bytes_max - used : 0;
  const uint64_t bytes = std::max(std::min(options_.extent_bytes, left), bytes_min + kExtentHeaderBytes);
  const uint64_t number = next_number_++;
  // Noted first: after an error there may be a file.
  touched.extents[number] = Extent{.path = JoinPath(options_.directory, ExtentName(number)),
                                   .number = number,
                                   .first_position = first_position,
                                   .end_position = first_position};
  TURRET_ASSIGN_OR_RETURN(writer_, ExtentWriter::Create(environment_, options_.directory, number,
                                                        first_position, bytes, key_, random_));
  if (snapshot != nullptr) {
    TURRET_RETURN_IF_ERROR(writer_->Append(*snapshot));
    touched.snapshot = std::move(snapshot);
  }
  touched.extents[number] = writer_->extent();
  return absl::OkStatus();
}

absl::Status SpoolDisk::TryWrite(std::span<const std::shared_ptr<const Block>> blocks, SnapshotTaker take,
                                 Touched& touched) {
  for (const auto& block : blocks) {
    if (writer_.has_value() && !writer_->Fits(*block)) {
      TURRET_RETURN_IF_ERROR(writer_->Sync());
      TURRET_RETURN_IF_ERROR(writer_->Close());
      writer_.reset();
    }
    if (!writer_.has_value()) {
      std::shared_ptr<const Snapshot> taken = take();
      if (taken == nullptr) taken = snapshot();
      TURRET_RETURN_IF_ERROR(NewExtent(block->position(), block->plaintext().size() + kFrameOverheadBytes,
                                       std::move(taken), touched));
    }
    TURRET_RETURN_IF_ERROR(writer_->Append(*block));
    touched.extents[writer_->extent().number] = writer_->extent();
  }
  return writer_->Sync();
}

absl::Status SpoolDisk::Counted(absl::Status done) {
  absl::MutexLock lock(&mutex_);
  faults_ += done.ok() ? 0 : 1;
  return done;
}

uint64_t SpoolDisk::faults() const {
  absl::MutexLock lock(&mutex_);
  return faults_;
}

absl::Status SpoolDisk::Write(std::span<const std::shared_ptr<const Block>> blocks, SnapshotTaker take) {
  if (blocks.empty()) return absl::OkStatus();
  Touched touched;
  absl::Status written = Counted(TryWrite(blocks, take, touched));
  if (!written.ok()) {
    Abandon(touched);
    touched = {};
    written = Counted(TryWrite(blocks, take, touched));
  }
  if (!written.ok()) {
    Abandon(touched);
    return written;
  }
  Settle(touched);
  next_position_ = blocks.back()->end_position();
  return absl::OkStatus();
}

absl::Status SpoolDisk::WriteSnapshot(std::shared_ptr<const Snapshot> snapshot) {
  Touched touched;
  absl::Status written;
  if (!writer_.has_value()) {
    written = NewExtent(next_position_, 0, std::move(snapshot), touched);
  } else {
    written = writer_->Append(*snapshot);
    touched = {{{writer_->extent().number, writer_->extent()}}, std::move(snapshot)};
  }
  if (written.ok()) written = writer_->Sync();
  if (!Counted(written).ok()) {
    Abandon(touched);
    return written;
  }
  Settle(touched);
  return absl::OkStatus();
}

void SpoolDisk::Settle(const Touched& touched) {
  absl::MutexLock lock(&mutex_);
  for (const auto& [number, extent] : touched.extents) extents_[number] = extent;
  if (touched.snapshot != nullptr) snapshot_ = touched.snapshot;
}

// The extents that this write made hold nothing that was ever said to be durable.
void SpoolDisk::Abandon(const Touched& touched) {
  writer_.reset();
  absl::MutexLock lock(&mutex_);
  for (const auto& [number, extent] : touched.extents)
    if (!extents_.contains(number))
      environment_.Remove(extent.path).IgnoreError();  // The disk is broken anyway.
}

std::optional<Extent> SpoolDisk::ExtentFrom(uint64_t position) const {
  absl::MutexLock lock(&mutex_);
  for (const auto& [number, extent] : extents_)
    if (!extent.empty() && position < extent.end_position) return extent;
  return std::nullopt;
}

absl::StatusOr<std::shared_ptr<const Block>> SpoolDisk::Read(uint64_t position) {
  if (position >= lost_begin_ && position < lost_end_) position = lost_end_;
  const std::optional<Extent> extent = ExtentFrom(position);
  if (!extent.has_value()) return nullptr;
  const uint64_t begin = std::max(position, extent->first_position);
  if (!reader_.has_value() || reader_->number() != extent->number) {
    absl::StatusOr<ExtentReader> opened = ExtentReader::Open(environment_, *extent);
    if (!opened.ok()) return Lost(begin, extent->end_position, opened.status());
    reader_ = *std::move(opened);
  }
  if (absl::Status found = reader_->Seek(begin, extent->end_offset); !found.ok())
    return Lost(begin, extent->end_position, std::move(found));
  absl::StatusOr<std::shared_ptr<const Block>> block = reader_->Next();
  if (!block.ok()) return Lost(begin, std::max(reader_->position(), begin + 1), block.status());
  read_failures_ = 0;
  return block;
}

absl::Status SpoolDisk::Lost(uint64_t begin, uint64_t end, absl::Status why) {
  // A disk that cannot be read now may be read later, but must not hold up what lies behind for good.
  if (!absl::IsDataLoss(why) && !absl::IsNotFound(why) && ++read_failures_ < kReadFailuresMax) return why;
  read_failures_ = 0;
  if (begin != lost_end_) lost_begin_ = begin;
  lost_end_ = end;
  absl::MutexLock lock(&mutex_);
  bytes_unreadable_ += end - begin;
  return absl::DataLossError(
      fmt::format("spool: positions {} to {} are lost: {}", begin, end, std::string(why.message())));
}

absl::Status SpoolDisk::Trim(uint64_t position) {
  absl::MutexLock trimming(&trim_mutex_);
  return Counted(TrimUpTo(position));
}

absl::Status SpoolDisk::TrimUpTo(uint64_t position) {
  if (const auto counts = snapshot()) position = std::min(position, counts->oldest_needed);
  // The last one stays: it is written to, and it tells the next process where positions go on.
  while (const std::optional<Extent> oldest = OldestBut1()) {
    if (oldest->end_position > position) break;
    TURRET_RETURN_IF_ERROR(environment_.Remove(oldest->path));
    absl::MutexLock lock(&mutex_);
    extents_.erase(oldest->number);
  }
  return absl::OkStatus();
}

bool SpoolDisk::WouldTrim(uint64_t oldest_needed) const {
  const std::optional<Extent> oldest = OldestBut1();
  return oldest.has_value() && oldest->end_position <= oldest_needed;
}

std::optional<Extent> SpoolDisk::OldestBut1() const {
  absl::MutexLock lock(&mutex_);
  return extents_.size() > 1 ? std::optional(extents_.begin()->second) : std::nullopt;
}

uint64_t SpoolDisk::first_position() const {
  absl::MutexLock lock(&mutex_);
  return extents_.begin()->second.first_position;
}

uint64_t SpoolDisk::end_position() const {
  absl::MutexLock lock(&mutex_);
  return next_position_;
}

uint64_t SpoolDisk::bytes_used() const {
  absl::MutexLock lock(&mutex_);
  uint64_t used = 0;
  for (const auto& [number, extent] : extents_) used += extent.end_offset;
  return used;
}

uint64_t SpoolDisk::bytes_unreadable() const {
  absl::MutexLock lock(&mutex_);
  return bytes_unreadable_;
}

}  // namespace turret::node
