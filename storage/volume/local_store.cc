#include "storage/volume/local_store.h"

#include <algorithm>

#include "fmt/format.h"
#include "storage/base/kill_point.h"
#include "storage/base/status.h"
#include "storage/segment/segment.h"

namespace turret {
namespace {

absl::Status CheckNames(const std::string& storage_class, const std::string& day, Bytes sealed) {
  TURRET_ASSIGN_OR_RETURN(const SegmentHeader header, ReadSegmentHeader(sealed));
  if (header.names.storage_class != storage_class)
    return absl::InvalidArgumentError(fmt::format("a segment of class {} for a volume of class {}",
                                                  header.names.storage_class, storage_class));
  if (!IsVolumeDay(day)) return absl::InvalidArgumentError("a volume's day is yyyy-mm-dd");
  return absl::OkStatus();
}

}  // namespace

void Protector::Protect(const std::string& path, Protection protection) {
  const absl::Status status = environment_.Protect(path, protection);
  if (status.ok()) return;
  const absl::StatusOr<Protection> present = environment_.ReadProtection(path);
  if (!present.ok() || *present != protection) Note(std::string(status.message()));
}

void Protector::Check(const std::string& path) {
  const absl::StatusOr<Protection> present = environment_.ReadProtection(path);
  if (!present.ok()) Note(std::string(present.status().message()));
  if (present.ok() && *present != Protection::kImmutable)
    Note(fmt::format("{} is closed, and not immutable", path));
}

void Protector::Note(std::string_view why) {
  absl::MutexLock lock(&mutex_);
  ++failures_;
  last_ = why;
}

std::string Protector::warning() const {
  absl::MutexLock lock(&mutex_);
  if (failures_ == 0) return "";
  return fmt::format("{} times a volume was not to be made append-only or immutable; the last: {}", failures_,
                     last_);
}

absl::Status LocalStore::CheckUsable() const {
  if (failed_.ok()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("an earlier write failed, open the archive again: {}", std::string(failed_.message())));
}

absl::StatusOr<v1::Placement> LocalStore::Append(const std::string& storage_class, const std::string& day,
                                                 Bytes sealed) {
  TURRET_RETURN_IF_ERROR(CheckUsable());
  TURRET_RETURN_IF_ERROR(CheckNames(storage_class, day, sealed));
  const Key key(storage_class, day);
  absl::StatusOr<v1::Placement> placement = AppendTo(key, sealed);
  if (placement.ok()) return placement;
  if (const auto found = open_.find(key); found != open_.end()) {
    Open broken = std::move(found->second);
    open_.erase(found);
    failed_ = GiveUp(std::move(broken), given_up_);
    if (failed_.ok()) placement = AppendTo(key, sealed);
  }
  if (!placement.ok() && failed_.ok()) failed_ = placement.status();
  if (!failed_.ok()) return failed_;
  return placement;
}

absl::StatusOr<v1::Placement> LocalStore::AppendTo(const Key& key, Bytes sealed) {
  TURRET_ASSIGN_OR_RETURN(Open * open, OpenFor(key, sealed.size()));
  TURRET_ASSIGN_OR_RETURN(VolumeWriter::Added added, open->writer.Append(sealed));
  catalog_.AddLeaf(open->id, added.leaf);
  open->bytes.push_back(ToBuffer(sealed));
  *open->added.add_placements() = added.placement;
  KillPoint("volume_appended");
  return std::move(added.placement);
}

absl::StatusOr<LocalStore::Open*> LocalStore::OpenFor(const Key& key, size_t sealed_bytes) {
  const auto found = open_.find(key);
  if (found != open_.end()) {
    if (found->second.writer.size_bytes() + sealed_bytes + kRecordOverheadBytes <= volume_bytes_max_)
      return &found->second;
    full_.push_back(std::move(found->second));
    open_.erase(found);
  }
  TURRET_ASSIGN_OR_RETURN(Open created, Create(key));
  return &open_.emplace(key, std::move(created)).first->second;
}

absl::StatusOr<LocalStore::Open> LocalStore::Create(const Key& key) {
  const VolumeId id = VolumeId::Make(random_);
  v1::VolumeHeader header;
  header.set_format_version(1);
  header.set_volume_id(id.ToProto());
  header.set_ledger_id(ledger_.ToProto());
  header.set_storage_class(key.first);
  header.set_day(key.second);
  header.set_hash_algorithm("sha256");
  const std::string folder = JoinPath(JoinPath(directory_, key.first), key.second);
  TURRET_ASSIGN_OR_RETURN(VolumeWriter writer, VolumeWriter::Create(environment_, folder, header));
  protector_.Protect(writer.path(), Protection::kAppendOnly);
  catalog_.AddOpen(id, folder, writer.header_leaf());
  Open open{.id = id, .key = key, .writer = std::move(writer), .opened = clock_.Elapsed()};
  open.committed.set_volume_id(id.ToProto());
  open.committed.set_leaves(1);
  open.committed.set_root(ToString(catalog_.RootAt(id, 1)));
  open.committed.set_bytes(open.writer.size_bytes());
  open.added.set_volume_id(id.ToProto());
  open.added.set_storage_class(key.first);
  open.added.set_day(key.second);
  return open;
}

absl::StatusOr<std::vector<VolumeStore::Extended>> LocalStore::Commit() {
  TURRET_RETURN_IF_ERROR(CheckUsable());
  std::vector<Extended> done;
  failed_ = CommitAll(/*old=*/false, /*all=*/false, done);
  if (!failed_.ok()) return failed_;
  return done;
}

absl::StatusOr<std::vector<VolumeStore::Extended>> LocalStore::CloseOld(bool all) {
  TURRET_RETURN_IF_ERROR(CheckUsable());
  std::vector<Extended> done;
  failed_ = CommitAll(/*old=*/true, all, done);
  if (!failed_.ok()) return failed_;
  return done;
}

// The full ones first: if one breaks, what it held goes into the open one.
absl::Status LocalStore::CommitAll(bool old, bool all, std::vector<Extended>& done) {
  for (Open& open : std::exchange(full_, {})) {
    if (open.writer.Sync().ok())
      done.push_back(Extend(open, /*close=*/true));
    else
      TURRET_RETURN_IF_ERROR(GiveUp(std::move(open), done));
  }
  std::vector<Key> keys;
  for (const auto& [key, open] : open_) keys.push_back(key);
  for (const Key& key : keys) TURRET_RETURN_IF_ERROR(CommitOpen(key, old, all, done));
  std::move(given_up_.begin(), given_up_.end(), std::back_inserter(done));
  given_up_.clear();
  return absl::OkStatus();
}

absl::Status LocalStore::CommitOpen(const Key& key, bool old, bool all, std::vector<Extended>& done) {
  bool is_retry = false;
  while (open_.contains(key)) {
    Open& open = open_.at(key);
    const bool close = all || (old && clock_.Elapsed() - open.opened >= kVolumeAgeMax);
    if (open.added.placements().empty() && !close) return absl::OkStatus();
    const absl::Status synced = open.writer.Sync();
    if (synced.ok()) {
      KillPoint("volume_synced");
      done.push_back(Extend(open, close));
      if (close) open_.erase(key);
      return absl::OkStatus();
    }
    if (is_retry) return synced;
    is_retry = true;
    Open broken = std::move(open);
    open_.erase(key);
    TURRET_RETURN_IF_ERROR(GiveUp(std::move(broken), done));
  }
  return absl::OkStatus();
}

VolumeStore::Extended LocalStore::Extend(Open& open, bool close) {
  open.committed.set_leaves(open.writer.leaves());
  open.committed.set_root(ToString(catalog_.RootAt(open.id, open.writer.leaves())));
  open.committed.set_bytes(open.writer.size_bytes());
  Extended extended{.state = open.committed, .contents = open.added, .closed = close};
  open.added.clear_placements();
  open.bytes.clear();
  if (close) {
    open.writer.Close().IgnoreError();  // It is synced.
    protector_.Protect(open.writer.path(), Protection::kImmutable);
    catalog_.Closed(open.id, open.writer.leaves());
    KillPoint("volume_closed");
  }
  return extended;
}

// Closes a broken volume where the ledger knows it to end; what was added since goes into another one.
absl::Status LocalStore::GiveUp(Open open, std::vector<Extended>& done) {
  open.writer.Close().IgnoreError();
  const std::string& path = open.writer.path();
  // Its closing state is final: the tail is read as the disk has it, or not at all.
  TURRET_RETURN_IF_ERROR(environment_.SyncAndForget(path));
  TURRET_ASSIGN_OR_RETURN(const Buffer content, environment_.ReadAll(path));
  if (content.size() < open.committed.bytes())
    return absl::DataLossError(fmt::format("{} has {} bytes, of which {} were durable", path, content.size(),
                                           open.committed.bytes()));
  const Bytes tail = Bytes(content).subspan(open.committed.bytes());
  open.committed.set_tail_bytes(tail.size());
  if (!tail.empty()) open.committed.set_tail_digest(ToString(Sha256(tail)));
  protector_.Protect(path, Protection::kImmutable);
  catalog_.Closed(open.id, open.committed.leaves());
  open.added.clear_placements();
  done.push_back(Extended{.state = open.committed, .contents = open.added, .closed = true});
  for (const Buffer& sealed : open.bytes) TURRET_RETURN_IF_ERROR(AppendTo(open.key, sealed).status());
  return absl::OkStatus();
}

}  // namespace turret
