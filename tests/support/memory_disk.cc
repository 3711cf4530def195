#include "tests/support/memory_disk.h"

#include <algorithm>

#include "storage/base/status.h"
#include "tests/support/support.h"

namespace turret::test {
namespace {

constexpr size_t kSectorBytes = 512;

template <class Node>
void CopyDirty(Node& node, size_t begin, size_t end) {
  end = std::min({end, node.bytes.size(), node.synced.size()});
  if (begin < end) std::copy_n(node.bytes.data() + begin, end - begin, node.synced.data() + begin);
}

absl::Status Missing(const std::string& path) { return absl::NotFoundError(path + ": no such file"); }

}  // namespace

class MemoryDisk::File final : public AppendFile {
 public:
  File(MemoryDisk& disk, std::shared_ptr<Node> node, size_t size)
      : disk_(disk), node_(std::move(node)), size_(size) {}

  absl::Status Append(Bytes bytes) override {
    absl::MutexLock lock(&disk_.mutex_);
    const absl::Status fault = disk_.Do(Operation::kWrite);
    if (!fault.ok()) bytes = bytes.first(disk_.was_dead_ ? 0 : bytes.size() / 2);
    if (node_->bytes.size() < size_ + bytes.size()) node_->bytes.resize(size_ + bytes.size());
    std::ranges::copy(bytes, node_->bytes.begin() + static_cast<std::ptrdiff_t>(size_));
    node_->dirty_begin = std::min(node_->dirty_begin, size_);
    size_ += bytes.size();
    node_->dirty_end = std::max(node_->dirty_end, size_);
    return fault;
  }
  absl::Status Sync() override {
    absl::MutexLock lock(&disk_.mutex_);
    disk_.syncs_repeated_ += node_->sync_failed ? 1 : 0;
    return disk_.SyncNode(*node_);
  }
  uint64_t size_bytes() const override { return size_; }
  absl::Status Close() override {
    absl::MutexLock lock(&disk_.mutex_);
    if (disk_.changes_left_ > 0) node_->bytes.resize(size_);
    return absl::OkStatus();
  }

 private:
  MemoryDisk& disk_;
  const std::shared_ptr<Node> node_;
  size_t size_;
};

class MemoryDisk::Reader final : public ReadFile {
 public:
  Reader(MemoryDisk& disk, std::shared_ptr<Node> node) : disk_(disk), node_(std::move(node)) {}
  absl::StatusOr<Buffer> ReadAt(uint64_t offset, size_t bytes) const override {
    absl::MutexLock lock(&disk_.mutex_);
    TURRET_RETURN_IF_ERROR(disk_.Do(Operation::kRead));
    const Bytes all(node_->bytes);
    if (offset >= all.size()) return Buffer();
    return ToBuffer(all.subspan(offset, std::min<uint64_t>(bytes, all.size() - offset)));
  }
  absl::StatusOr<uint64_t> SizeBytes() const override {
    absl::MutexLock lock(&disk_.mutex_);
    return node_->bytes.size();
  }

 private:
  MemoryDisk& disk_;
  const std::shared_ptr<Node> node_;
};

void MemoryDisk::FailNth(Operation operation, uint64_t nth) {
  absl::MutexLock lock(&mutex_);
  fail_at_[operation] = counts_[operation] + nth;
}

void MemoryDisk::Repair() {
  absl::MutexLock lock(&mutex_);
  fail_at_.clear();
}

uint64_t MemoryDisk::count(Operation operation) const {
  absl::MutexLock lock(&mutex_);
  const auto found = counts_.find(operation);
  return found == counts_.end() ? 0 : found->second;
}

void MemoryDisk::DieAt(uint64_t nth) {
  absl::MutexLock lock(&mutex_);
  changes_left_ = nth;
}

bool MemoryDisk::dead() const {
  absl::MutexLock lock(&mutex_);
  return changes_left_ == 0;
}

uint64_t MemoryDisk::syncs_repeated() const {
  absl::MutexLock lock(&mutex_);
  return syncs_repeated_;
}

void MemoryDisk::TakeImages(Random* random, uint64_t distance_max, Take take) {
  absl::MutexLock lock(&mutex_);
  image_random_ = random;
  image_distance_max_ = distance_max;
  take_image_ = std::move(take);
  if (random != nullptr) image_distance_ = 1 + Below(*random, distance_max);
}

void MemoryDisk::TakeImageWhenDue() {
  if (image_random_ == nullptr || --image_distance_ > 0) return;
  image_distance_ = 1 + Below(*image_random_, image_distance_max_);
  auto image = std::make_unique<MemoryDisk>();
  {
    absl::MutexLock lock(&image->mutex_);
    image->names_ = names_;
    image->synced_names_ = synced_names_;
    image->changes_ = changes_;
    image->PowerCutLocked(*image_random_);
  }
  take_image_(std::move(image));
}

std::vector<std::string> MemoryDisk::Files() const {
  absl::MutexLock lock(&mutex_);
  std::vector<std::string> files;
  for (const auto& [path, node] : names_) files.push_back(path);
  return files;
}

absl::Status MemoryDisk::Do(Operation operation) {
  if (operation != Operation::kRead) TakeImageWhenDue();
  const uint64_t nth = ++counts_[operation];
  was_dead_ = changes_left_ == 0;
  if (operation != Operation::kRead && changes_left_ != UINT64_MAX && !was_dead_) --changes_left_;
  if (operation != Operation::kRead && changes_left_ == 0) return absl::UnavailableError("the power is gone");
  const auto found = fail_at_.find(operation);
  if (found == fail_at_.end() || found->second != nth) return absl::OkStatus();
  return absl::InternalError("injected: Input/output error");
}

// What a failed sync did not write is never written by a later one.
absl::Status MemoryDisk::SyncNode(Node& node) {
  const absl::Status fault = Do(Operation::kSync);
  if (changes_left_ == 0) return fault;
  node.sync_failed = node.sync_failed || !fault.ok();
  if (node.sync_failed) return fault;
  node.synced.resize(node.bytes.size());
  CopyDirty(node, node.dirty_begin, node.dirty_end);
  node.Clean();
  return fault;
}

void MemoryDisk::PowerCut(Random& random) {
  absl::MutexLock lock(&mutex_);
  PowerCutLocked(random);
}

void MemoryDisk::PowerCutLocked(Random& random) {
  SettleNames(Below(random, changes_.size() + 1));
  changes_.clear();
  names_ = synced_names_;
  for (auto& [path, node] : names_) {
    Node& kept = *(node = std::make_shared<Node>(*node));
    const size_t size = std::max(kept.bytes.size(), kept.synced.size());
    kept.bytes.resize(size);
    kept.synced.resize(size);
    for (size_t at = kept.dirty_begin / kSectorBytes * kSectorBytes; at < kept.dirty_end; at += kSectorBytes)
      if (!kept.sync_failed && Below(random, 4) != 0) CopyDirty(kept, at, at + kSectorBytes);
    kept.bytes = kept.synced;
    kept.sync_failed = false;
    kept.Clean();
  }
  synced_names_ = names_;
  fail_at_.clear();
  changes_left_ = UINT64_MAX;
}

void MemoryDisk::Set(const std::string& path, std::shared_ptr<Node> node) {
  changes_.push_back({path, node});
  if (node == nullptr)
    names_.erase(path);
  else
    names_[path] = std::move(node);
}

void MemoryDisk::SettleNames(size_t changes) {
  for (size_t i = 0; i < changes; ++i) {
    if (changes_[i].node == nullptr)
      synced_names_.erase(changes_[i].path);
    else
      synced_names_[changes_[i].path] = changes_[i].node;
  }
}

absl::StatusOr<std::unique_ptr<AppendFile>> MemoryDisk::CreateForAppend(const std::string& path) {
  return CreatePreallocated(path, 0);
}

absl::StatusOr<std::unique_ptr<AppendFile>> MemoryDisk::CreatePreallocated(const std::string& path,
                                                                           uint64_t bytes) {
  absl::MutexLock lock(&mutex_);
  TURRET_RETURN_IF_ERROR(Do(Operation::kCreate));
  if (names_.contains(path)) return absl::AlreadyExistsError(path);
  auto node = std::make_shared<Node>();
  node->bytes.resize(bytes);
  Set(path, node);
  return std::make_unique<File>(*this, node, 0);
}

absl::StatusOr<std::unique_ptr<AppendFile>> MemoryDisk::OpenForAppend(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  TURRET_RETURN_IF_ERROR(Do(Operation::kCreate));
  const auto found = names_.find(path);
  if (found == names_.end()) return Missing(path);
  return std::make_unique<File>(*this, found->second, found->second->bytes.size());
}

absl::StatusOr<std::unique_ptr<ReadFile>> MemoryDisk::OpenForRead(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  const auto found = names_.find(path);
  if (found == names_.end()) return Missing(path);
  return std::make_unique<Reader>(*this, found->second);
}

absl::StatusOr<Buffer> MemoryDisk::ReadAll(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  TURRET_RETURN_IF_ERROR(Do(Operation::kRead));
  const auto found = names_.find(path);
  if (found == names_.end()) return Missing(path);
  return found->second->bytes;
}

absl::Status MemoryDisk::WriteAtomically(const std::string& path, Bytes bytes) {
  absl::MutexLock lock(&mutex_);
  for (const Operation step : {Operation::kWrite, Operation::kSync, Operation::kRename})
    TURRET_RETURN_IF_ERROR(Do(step));
  auto node = std::make_shared<Node>();
  node->bytes = node->synced = ToBuffer(bytes);
  Set(path, std::move(node));
  SettleNames(changes_.size());
  changes_.clear();
  return absl::OkStatus();
}

absl::Status MemoryDisk::CreateDirectories(const std::string&) { return absl::OkStatus(); }

absl::Status MemoryDisk::SyncDirectory(const std::string&) {
  absl::MutexLock lock(&mutex_);
  TURRET_RETURN_IF_ERROR(Do(Operation::kSyncDirectory));
  SettleNames(changes_.size());
  changes_.clear();
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> MemoryDisk::List(const std::string& directory) {
  absl::MutexLock lock(&mutex_);
  const std::string folder = directory + "/";
  std::vector<std::string> listed;
  for (auto at = names_.lower_bound(folder); at != names_.end() && at->first.starts_with(folder); ++at) {
    const std::string name =
        at->first.substr(folder.size(), at->first.find('/', folder.size()) - folder.size());
    if (listed.empty() || listed.back() != name) listed.push_back(name);
  }
  std::ranges::sort(listed);
  listed.erase(std::ranges::unique(listed).begin(), listed.end());
  return listed;
}

bool MemoryDisk::Exists(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  const auto inside = names_.lower_bound(path + "/");
  return names_.contains(path) || (inside != names_.end() && inside->first.starts_with(path + "/"));
}

absl::Status MemoryDisk::Remove(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  TURRET_RETURN_IF_ERROR(Do(Operation::kRemove));
  if (!names_.contains(path)) return Missing(path);
  Set(path, nullptr);
  return absl::OkStatus();
}

absl::Status MemoryDisk::Rename(const std::string& from, const std::string& to) {
  absl::MutexLock lock(&mutex_);
  TURRET_RETURN_IF_ERROR(Do(Operation::kRename));
  const auto found = names_.find(from);
  if (found == names_.end()) return Missing(from);
  const std::shared_ptr<Node> node = found->second;
  Set(from, nullptr);
  Set(to, node);
  SettleNames(changes_.size());
  changes_.clear();
  return absl::OkStatus();
}

// What a failed sync lost is gone from the cache as well: later writes and syncs are good again.
absl::Status MemoryDisk::SyncAndForget(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  const auto found = names_.find(path);
  if (found == names_.end()) return Missing(path);
  Node& node = *found->second;
  const absl::Status synced = SyncNode(node);
  node.synced.resize(std::max(node.synced.size(), node.bytes.size()));
  node.bytes = node.synced;
  node.sync_failed = false;
  node.Clean();
  return synced;
}

absl::Status MemoryDisk::Protect(const std::string&, Protection) {
  return absl::UnimplementedError("memory has no flags");
}

absl::StatusOr<Protection> MemoryDisk::ReadProtection(const std::string&) { return Protection::kNone; }

}  // namespace turret::test
