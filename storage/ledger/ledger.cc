#include "storage/ledger/ledger.h"

#include <algorithm>
#include <map>

#include "fmt/format.h"
#include "storage/base/kill_point.h"
#include "storage/base/status.h"
#include "storage/ledger/blocks.h"
#include "storage/ledger/heads.h"

namespace turret {
namespace {

constexpr absl::Duration kCheckpointInterval = absl::Seconds(5);
constexpr uint64_t kReadEntriesMax = 4096;

Buffer EncodeEntry(const StoredEntry& entry) {
  Buffer payload;
  payload.reserve(4 + entry.leaf.size() + entry.sealed_body.size());
  StoreU32(payload, static_cast<uint32_t>(entry.leaf.size()));
  Append(payload, entry.leaf);
  Append(payload, entry.sealed_body);
  return payload;
}

absl::StatusOr<StoredEntry> DecodeEntry(Bytes payload, uint64_t index) {
  constexpr size_t kLengthBytes = 4;
  if (payload.size() < kLengthBytes || LoadU32(payload) > payload.size() - kLengthBytes)
    return absl::DataLossError(fmt::format("ledger entry {} is no entry", index));
  const size_t leaf_bytes = LoadU32(payload);
  return StoredEntry{ToBuffer(payload.subspan(kLengthBytes, leaf_bytes)),
                     ToBuffer(payload.subspan(kLengthBytes + leaf_bytes))};
}

absl::StatusOr<v1::Leaf> ParseLeaf(const StoredEntry& entry, uint64_t index) {
  v1::Leaf leaf;
  if (leaf.ParseFromArray(entry.leaf.data(), static_cast<int>(entry.leaf.size()))) return leaf;
  return absl::DataLossError(fmt::format("leaf of ledger entry {} does not parse", index));
}

Digest LeafHash(const StoredEntry& entry) { return MerkleLeafHash({entry.leaf}); }

bool SameBlock(const v1::BlockState& a, const v1::BlockState& b) {
  return a.first_index() == b.first_index() && a.part() == b.part();
}

}  // namespace

struct Ledger::State {
  Environment& environment;
  const std::string directory;
  const SecretKey seed;
  const Ed25519Public public_key;
  Clock& clock;
  Random& random;

  mutable absl::Mutex mutex;
  MerkleTree tree ABSL_GUARDED_BY(mutex);  // Of all entries, those not committed yet included.
  v1::TreeHead head ABSL_GUARDED_BY(mutex);

  // The writer thread's own, set by Open:
  LedgerId id;
  std::unique_ptr<Blocks> blocks;
  std::unique_ptr<Heads> heads;
  std::vector<v1::BlockState> accounted;   // What BLOCK_CLOSED entries say so far.
  std::vector<v1::BlockState> to_account;  // What they do not say yet.
  absl::Duration checkpoint_written = -absl::InfiniteDuration();
  uint64_t checkpoint_size = 0;

  std::string CheckpointPath() const { return JoinPath(directory, "checkpoint"); }
  std::string Origin() const { return fmt::format("turret-recorder/{}", id.ToHex()); }
  uint64_t TreeSize() const {
    const absl::MutexLock lock(&mutex);
    return tree.size();
  }

  absl::Status Load();
  absl::Status TakeEntry(uint64_t index, Bytes payload);
  absl::StatusOr<std::optional<Checkpoint>> LastHead();
  absl::Status CheckHead(const std::optional<Checkpoint>& last);
  absl::Status HistoryAltered() ABSL_SHARED_LOCKS_REQUIRED(mutex);
  absl::StatusOr<uint64_t> Append(v1::Leaf leaf, const v1::EntryBody* body,
                                  const std::optional<SealUnder>& under);
  absl::Status Begin();
  absl::Status AccountForBlocks();
  absl::Status SyncBlocks();
  absl::Status Sign();
  void WriteCheckpoint();
  absl::StatusOr<StoredEntry> ReadEntry(const ReadFile& file, uint64_t offset, uint64_t index) const;
};

Ledger::Ledger(std::unique_ptr<State> state) : state_(std::move(state)) {}
Ledger::~Ledger() { state_->WriteCheckpoint(); }

LedgerId Ledger::id() const { return state_->id; }
Ed25519Public Ledger::public_key() const { return state_->public_key; }

absl::StatusOr<std::unique_ptr<Ledger>> Ledger::Open(Environment& environment, const std::string& directory,
                                                     SecretKey signing_seed, Clock& clock, Random& random) {
  TURRET_RETURN_IF_ERROR(environment.CreateDirectories(directory));
  const Ed25519Public public_key = Ed25519PublicOf(signing_seed);
  std::unique_ptr<State> state(new State{.environment = environment,
                                         .directory = directory,
                                         .seed = std::move(signing_seed),
                                         .public_key = public_key,
                                         .clock = clock,
                                         .random = random});
  TURRET_RETURN_IF_ERROR(state->Load());
  std::unique_ptr<Ledger> ledger(new Ledger(std::move(state)));
  TURRET_RETURN_IF_ERROR(ledger->Commit().status());
  return ledger;
}

absl::Status Ledger::State::Load() {
  TURRET_ASSIGN_OR_RETURN(heads, Heads::Open(environment, directory));
  TURRET_ASSIGN_OR_RETURN(blocks, Blocks::Open(environment, directory, [this](uint64_t index, Bytes payload) {
                            return TakeEntry(index, payload);
                          }));
  TURRET_ASSIGN_OR_RETURN(const std::optional<Checkpoint> last, LastHead());
  TURRET_RETURN_IF_ERROR(CheckHead(last));
  return blocks->Count() == 0 ? Begin() : absl::OkStatus();
}

absl::Status Ledger::State::TakeEntry(uint64_t index, Bytes payload) {
  TURRET_ASSIGN_OR_RETURN(const StoredEntry entry, DecodeEntry(payload, index));
  TURRET_ASSIGN_OR_RETURN(const v1::Leaf leaf, ParseLeaf(entry, index));
  if (index == 0) {
    if (leaf.kind() != v1::LEDGER_CREATED || leaf.public_key() != ToString(public_key))
      return absl::FailedPreconditionError(
          fmt::format("{}: the ledger was created with another signing key", directory));
    TURRET_ASSIGN_OR_RETURN(id, LedgerId::FromProto(leaf.ledger_id()));
  }
  if (leaf.kind() == v1::BLOCK_CLOSED) {
    std::erase_if(accounted, [&](const v1::BlockState& other) { return SameBlock(other, leaf.block()); });
    accounted.push_back(leaf.block());
  }
  const absl::MutexLock lock(&mutex);
  tree.Append(LeafHash(entry));
  return absl::OkStatus();
}

// The larger of ledger/checkpoint and the last of ledger/heads.
absl::StatusOr<std::optional<Checkpoint>> Ledger::State::LastHead() {
  std::vector<std::string> texts;
  if (heads->last().has_value()) texts.push_back(*heads->last());
  if (environment.Exists(CheckpointPath())) {
    TURRET_ASSIGN_OR_RETURN(const Buffer text, environment.ReadAll(CheckpointPath()));
    texts.push_back(ToString(text));
  }
  std::optional<Checkpoint> last;
  for (const std::string& text : texts) {
    const absl::StatusOr<Checkpoint> read = ReadCheckpoint(text, public_key);
    if (!read.ok() || (blocks->Count() > 0 && read->origin != Origin()))
      return absl::DataLossError(
          fmt::format("{}: a stored tree head is altered, or of another ledger", directory));
    if (last.has_value() && last->size >= read->size) continue;
    last = *read;
    const absl::MutexLock lock(&mutex);
    head.set_size(read->size);
    head.set_root(ToString(read->root));
    head.set_checkpoint(text);
  }
  return last;
}

absl::Status Ledger::State::CheckHead(const std::optional<Checkpoint>& last) {
  const uint64_t count = blocks->Count();
  if (!last.has_value()) {
    if (count <= 1) return absl::OkStatus();  // The process died while it created the ledger.
    return absl::DataLossError(fmt::format("{}: {} entries, but no signed head is left", directory, count));
  }
  if (last->size > count) {
    return absl::DataLossError(
        fmt::format("{}: the last head signs {} entries, there are {}: ingest must not start", directory,
                    last->size, count));
  }
  const absl::MutexLock lock(&mutex);
  return tree.RootAt(last->size) == last->root ? absl::OkStatus() : HistoryAltered();
}

// Which heads still fit tells where the past was altered.
absl::Status Ledger::State::HistoryAltered() {
  uint64_t good = 0;
  std::optional<uint64_t> bad;
  const auto compare = [&](std::string_view text) ABSL_NO_THREAD_SAFETY_ANALYSIS -> absl::Status {
    const absl::StatusOr<Checkpoint> read = ReadCheckpoint(text, public_key);
    if (!read.ok() || bad.has_value()) return absl::OkStatus();
    const bool fits = read->size <= tree.size() && tree.RootAt(read->size) == read->root;
    if (fits) good = std::max(good, read->size);
    if (!fits) bad = read->size;
    return absl::OkStatus();
  };
  TURRET_RETURN_IF_ERROR(heads->ForEach(compare));
  return absl::DataLossError(fmt::format(
      "{}: the signed head of size {} fits, that of size {} does not: an entry in between was altered; "
      "ingest must not start",
      directory, good, bad.value_or(tree.size())));
}

absl::StatusOr<uint64_t> Ledger::State::Append(v1::Leaf leaf, const v1::EntryBody* body,
                                               const std::optional<SealUnder>& under) {
  if ((body != nullptr) != under.has_value())
    return absl::InvalidArgumentError("a ledger entry has a body and a key to seal it with, or neither");
  leaf.set_appended_utc_ns(absl::ToUnixNanos(clock.Utc()));
  const StoredEntry entry = MakeEntry(std::move(leaf), id, body, under, random);
  TURRET_RETURN_IF_ERROR(blocks->Append(EncodeEntry(entry)));
  KillPoint("entry_appended");
  const absl::MutexLock lock(&mutex);
  tree.Append(LeafHash(entry));
  return tree.size() - 1;
}

absl::Status Ledger::State::Begin() {
  id = LedgerId::Make(random);
  v1::Leaf leaf;
  leaf.set_kind(v1::LEDGER_CREATED);
  leaf.set_public_key(ToString(public_key));
  return Append(std::move(leaf), nullptr, std::nullopt).status();
}

absl::Status Ledger::State::AccountForBlocks() {
  for (v1::BlockState& block : blocks->TakeUnclean()) to_account.push_back(std::move(block));
  while (!to_account.empty()) {
    const v1::BlockState block = to_account.back();
    const auto is_of_block = [&](const v1::BlockState& other) { return SameBlock(other, block); };
    const auto said = std::ranges::find_if(accounted, is_of_block);
    if (said == accounted.end() || said->SerializeAsString() != block.SerializeAsString()) {
      v1::Leaf leaf;
      leaf.set_kind(v1::BLOCK_CLOSED);
      *leaf.mutable_block() = block;
      TURRET_RETURN_IF_ERROR(Append(std::move(leaf), nullptr, std::nullopt).status());
      std::erase_if(accounted, is_of_block);
      accounted.push_back(block);
    }
    to_account.pop_back();
  }
  return absl::OkStatus();
}

// A sync that fails leaves a block to be accounted for, in an entry that needs a sync of its own.
absl::Status Ledger::State::SyncBlocks() {
  constexpr int kRoundsMax = 4;
  for (int round = 0; round < kRoundsMax; ++round) {
    TURRET_RETURN_IF_ERROR(AccountForBlocks());
    TURRET_RETURN_IF_ERROR(blocks->Sync());
    if (!blocks->HasUnclean()) return absl::OkStatus();
  }
  return absl::InternalError(fmt::format("{}: one block after another breaks", directory));
}

absl::Status Ledger::State::Sign() {
  Checkpoint checkpoint{.origin = Origin()};
  {
    const absl::MutexLock lock(&mutex);
    checkpoint.size = tree.size();
    checkpoint.root = tree.Root();
    if (checkpoint.size == head.size()) return absl::OkStatus();
  }
  const std::string text = SignCheckpoint(checkpoint, seed);
  TURRET_RETURN_IF_ERROR(heads->Append(text));
  const absl::MutexLock lock(&mutex);
  head.set_size(checkpoint.size);
  head.set_root(ToString(checkpoint.root));
  head.set_checkpoint(text);
  return absl::OkStatus();
}

// A convenience for whoever reads the head from the disk: the head in force stands in `heads` already, so a
// failure costs nothing but another try at the next commit.
void Ledger::State::WriteCheckpoint() {
  v1::TreeHead latest;
  {
    const absl::MutexLock lock(&mutex);
    latest = head;
  }
  if (latest.size() == checkpoint_size) return;
  if (!environment.WriteAtomically(CheckpointPath(), AsBytes(latest.checkpoint())).ok()) return;
  checkpoint_size = latest.size();
  checkpoint_written = clock.Elapsed();
}

absl::StatusOr<uint64_t> Ledger::Append(v1::Leaf leaf, const v1::EntryBody* body,
                                        const std::optional<SealUnder>& under) {
  return state_->Append(std::move(leaf), body, under);
}

absl::StatusOr<v1::TreeHead> Ledger::Commit() {
  TURRET_RETURN_IF_ERROR(state_->SyncBlocks());
  KillPoint("entries_synced");
  TURRET_RETURN_IF_ERROR(state_->Sign());
  KillPoint("head_signed");
  state_->blocks->CloseIfFull();
  if (state_->clock.Elapsed() - state_->checkpoint_written >= kCheckpointInterval) state_->WriteCheckpoint();
  return Head();
}

v1::TreeHead Ledger::Head() const {
  const absl::MutexLock lock(&state_->mutex);
  return state_->head;
}

absl::Status Ledger::Read(uint64_t begin, uint64_t end,
                          const std::function<absl::Status(uint64_t, const StoredEntry&)>& visit) const {
  end = std::min(end, Head().size());
  while (begin < end) {
    const uint64_t chunk_end = std::min(end, begin + kReadEntriesMax);
    for (const Blocks::Run& run : state_->blocks->Locate(begin, chunk_end)) {
      TURRET_ASSIGN_OR_RETURN(const std::unique_ptr<ReadFile> file,
                              state_->environment.OpenForRead(run.path));
      for (const uint64_t offset : run.offsets) {
        TURRET_ASSIGN_OR_RETURN(const StoredEntry entry, state_->ReadEntry(*file, offset, begin));
        TURRET_RETURN_IF_ERROR(visit(begin, entry));
        ++begin;
      }
    }
    if (begin != chunk_end) return absl::InternalError(fmt::format("ledger entry {} is nowhere", begin));
  }
  return absl::OkStatus();
}

absl::StatusOr<StoredEntry> Ledger::State::ReadEntry(const ReadFile& file, uint64_t offset,
                                                     uint64_t index) const {
  const absl::StatusOr<Buffer> payload = ReadRecord(file, offset);
  if (!payload.ok()) return absl::DataLossError(fmt::format("ledger entry {} was altered or lost", index));
  TURRET_ASSIGN_OR_RETURN(StoredEntry entry, DecodeEntry(*payload, index));
  const absl::MutexLock lock(&mutex);
  if (LeafHash(entry) == tree.leaf(index)) return entry;
  return absl::DataLossError(fmt::format("ledger entry {} was altered", index));
}

absl::StatusOr<std::vector<Digest>> Ledger::InclusionProof(uint64_t index, uint64_t tree_size) const {
  const absl::MutexLock lock(&state_->mutex);
  if (tree_size > state_->head.size())
    return absl::OutOfRangeError(
        fmt::format("tree size {}, committed are {}", tree_size, state_->head.size()));
  return state_->tree.InclusionProof(index, tree_size);
}

absl::StatusOr<std::vector<Digest>> Ledger::ConsistencyProof(uint64_t old_size, uint64_t new_size) const {
  const absl::MutexLock lock(&state_->mutex);
  if (new_size > state_->head.size())
    return absl::OutOfRangeError(
        fmt::format("tree size {}, committed are {}", new_size, state_->head.size()));
  return state_->tree.ConsistencyProof(old_size, new_size);
}

}  // namespace turret
