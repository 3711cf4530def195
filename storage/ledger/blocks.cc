#include "storage/ledger/blocks.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "storage/base/status.h"

namespace turret {
namespace {

constexpr std::string_view kMagic = "TRTLEDG1";

}  // namespace

absl::StatusOr<std::unique_ptr<Blocks>> Blocks::Open(Environment& environment, const std::string& directory,
                                                     const Visit& visit) {
  TURRET_ASSIGN_OR_RETURN(const std::vector<std::string> files, environment.List(directory));
  std::vector<BlockName> names;
  for (const std::string& file : files)
    if (const std::optional<BlockName> name = ParseBlockName(file)) names.push_back(*name);
  std::ranges::sort(names);
  std::unique_ptr<Blocks> blocks(new Blocks(environment, directory));
  for (size_t i = 0; i < names.size(); ++i) {
    std::optional<uint64_t> next;
    if (i + 1 < names.size()) next = names[i + 1].first_index;
    TURRET_RETURN_IF_ERROR(blocks->LoadBlock(names[i], next, visit));
  }
  blocks->synced_ = blocks->Count();
  return blocks;
}

absl::Status Blocks::LoadBlock(BlockName name, std::optional<uint64_t> next_first_index, const Visit& visit) {
  Block block{.name = name};
  const std::string path = PathOf(block);
  const uint64_t count = Count();
  if (name.first_index != count)
    return absl::DataLossError(
        fmt::format("ledger entries from {} on are missing: the next block is {}", count, path));
  TURRET_RETURN_IF_ERROR(Settle(path));
  TURRET_ASSIGN_OR_RETURN(const std::unique_ptr<ReadFile> file, environment_.OpenForRead(path));
  TURRET_ASSIGN_OR_RETURN(const uint64_t size_bytes, file->SizeBytes());
  const auto take = [&](uint64_t offset, Bytes payload) -> absl::Status {
    const uint64_t index = name.first_index + block.offsets.size();
    if (index == next_first_index) return absl::OkStatus();  // Dead: the next block has it.
    block.offsets.push_back(offset);
    block.end_bytes = offset + payload.size() + kRecordOverheadBytes;
    return visit(index, payload);
  };
  TURRET_ASSIGN_OR_RETURN(const bool stillborn, IsStillborn(*file));
  if (stillborn)
    block.end_bytes = 0;
  else
    TURRET_RETURN_IF_ERROR(ScanRecords(environment_, path, kMagic, take).status());
  const uint64_t end = name.first_index + block.offsets.size();
  if (next_first_index.has_value() && end != *next_first_index)
    return absl::DataLossError(
        fmt::format("{} ends before entry {}, the next block begins with {}", path, end, *next_first_index));
  const bool is_clean = block.end_bytes == size_bytes && !stillborn;
  if (block.end_bytes != size_bytes) {
    TURRET_ASSIGN_OR_RETURN(const v1::BlockState state, MeasureTail(block));
    unclean_.push_back(state);
  }
  is_last_open_ = is_clean && !next_first_index.has_value();
  const absl::MutexLock lock(&mutex_);
  blocks_.push_back(std::move(block));
  return absl::OkStatus();
}

// What a killed process or a failed sync left: only what the disk holds counts, since it is about to be
// signed. Blocks become immutable when that is sure.
absl::Status Blocks::Settle(const std::string& path) {
  const absl::StatusOr<Protection> protection = environment_.ReadProtection(path);
  if (protection.ok() && *protection == Protection::kImmutable) return absl::OkStatus();
  return environment_.SyncAndForget(path);
}

absl::StatusOr<v1::BlockState> Blocks::MeasureTail(const Block& block) const {
  TURRET_ASSIGN_OR_RETURN(const std::unique_ptr<ReadFile> file, environment_.OpenForRead(PathOf(block)));
  TURRET_ASSIGN_OR_RETURN(const uint64_t size_bytes, file->SizeBytes());
  TURRET_ASSIGN_OR_RETURN(const Buffer tail, file->ReadAt(block.end_bytes, size_bytes - block.end_bytes));
  v1::BlockState state;
  state.set_first_index(block.name.first_index);
  state.set_part(block.name.part);
  state.set_records(block.offsets.size());
  state.set_bytes(block.end_bytes);
  state.set_tail_bytes(tail.size());
  state.set_tail_digest(ToString(Sha256(tail)));
  return state;
}

uint64_t Blocks::Count() const {
  const absl::MutexLock lock(&mutex_);
  return blocks_.empty() ? 0 : blocks_.back().name.first_index + blocks_.back().offsets.size();
}

absl::Status Blocks::Append(Bytes payload) {
  if (payload.size() > kRecordPayloadBytesMax)
    return absl::InvalidArgumentError(
        fmt::format("ledger entry of {} bytes, at most {}", payload.size(), kRecordPayloadBytesMax));
  absl::Status written = EnsureWriter();
  if (written.ok()) written = Write(payload);
  if (!written.ok()) {
    GiveUpBlock();
    TURRET_RETURN_IF_ERROR(EnsureWriter());
    written = Write(payload);
  }
  if (written.ok()) {
    pending_.push_back(ToBuffer(payload));
  } else {
    GiveUpBlock();
  }
  return written;
}

absl::Status Blocks::Sync() {
  constexpr int kAttempts = 2;
  absl::Status synced;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (pending_.empty()) return absl::OkStatus();
    synced = EnsureWriter();
    if (synced.ok()) synced = writer_->Sync().status();
    if (synced.ok()) {
      synced_ += pending_.size();
      pending_.clear();
      return absl::OkStatus();
    }
    GiveUpBlock();
  }
  return synced;
}

absl::Status Blocks::EnsureWriter() {
  if (writer_.has_value()) return absl::OkStatus();
  if (!is_last_open_) return BeginBlock();
  std::string path;
  uint64_t end_bytes = 0;
  {
    const absl::MutexLock lock(&mutex_);
    path = PathOf(blocks_.back());
    end_bytes = blocks_.back().end_bytes;
  }
  TURRET_ASSIGN_OR_RETURN(RecordWriter writer, RecordWriter::Reopen(environment_, path, end_bytes));
  writer_ = std::move(writer);
  return absl::OkStatus();
}

// The new block begins with what is not synced yet.
absl::Status Blocks::BeginBlock() {
  Block block{.name = {synced_, 0}};
  while (environment_.Exists(PathOf(block))) ++block.name.part;
  const std::string path = PathOf(block);
  TURRET_ASSIGN_OR_RETURN(RecordWriter writer, RecordWriter::Create(environment_, path, kMagic));
  // Best effort: which protection a file has is read from the file.
  environment_.Protect(path, Protection::kAppendOnly).IgnoreError();
  writer_ = std::move(writer);
  is_last_open_ = true;
  {
    const absl::MutexLock lock(&mutex_);
    blocks_.push_back(std::move(block));
  }
  for (const Buffer& payload : pending_) TURRET_RETURN_IF_ERROR(Write(payload));
  return absl::OkStatus();
}

absl::Status Blocks::Write(Bytes payload) {
  TURRET_ASSIGN_OR_RETURN(const Appended appended, writer_->Append(payload));
  const absl::MutexLock lock(&mutex_);
  blocks_.back().offsets.push_back(appended.offset_begin);
  blocks_.back().end_bytes = appended.offset_end;
  return absl::OkStatus();
}

void Blocks::GiveUpBlock() {
  writer_.reset();
  if (!is_last_open_) return;
  is_last_open_ = false;
  Block block;
  {
    const absl::MutexLock lock(&mutex_);
    Block& last = blocks_.back();
    const size_t kept = synced_ - last.name.first_index;
    if (kept < last.offsets.size()) {
      last.end_bytes = last.offsets[kept];
      last.offsets.resize(kept);
    }
    block = last;
  }
  // A tail that is not sure now is measured when the ledger is next opened.
  if (!Settle(PathOf(block)).ok()) return;
  environment_.Protect(PathOf(block), Protection::kImmutable).IgnoreError();
  if (absl::StatusOr<v1::BlockState> state = MeasureTail(block); state.ok() && state->tail_bytes() > 0)
    unclean_.push_back(*std::move(state));
}

void Blocks::CloseIfFull(uint64_t bytes_max) {
  if (!writer_.has_value() || !pending_.empty() || writer_->size_bytes() < bytes_max) return;
  const std::string path = writer_->path();
  writer_.reset();
  is_last_open_ = false;
  environment_.Protect(path, Protection::kImmutable).IgnoreError();
}

std::vector<v1::BlockState> Blocks::TakeUnclean() { return std::exchange(unclean_, {}); }

std::vector<Blocks::Run> Blocks::Locate(uint64_t begin, uint64_t end) const {
  const absl::MutexLock lock(&mutex_);
  const auto after =
      std::ranges::upper_bound(blocks_, begin, {}, [](const Block& b) { return b.name.first_index; });
  std::vector<Run> runs;
  for (auto block = after == blocks_.begin() ? after : after - 1; block != blocks_.end(); ++block) {
    const uint64_t first = block->name.first_index;
    const uint64_t run_end = std::min(end, first + block->offsets.size());
    if (begin >= run_end) continue;
    const auto at = block->offsets.begin();
    runs.push_back(
        {PathOf(*block),
         {at + static_cast<ptrdiff_t>(begin - first), at + static_cast<ptrdiff_t>(run_end - first)}});
    begin = run_end;
  }
  return runs;
}

}  // namespace turret
