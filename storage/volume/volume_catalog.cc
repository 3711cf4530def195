#include "storage/volume/volume_catalog.h"

#include "fmt/format.h"
#include "storage/base/record_file.h"
#include "storage/base/status.h"
#include "storage/segment/segment.h"
#include "storage/volume/volume_file.h"

namespace turret {
namespace {

constexpr size_t kTreesKeptMax = 32;

}  // namespace

void VolumeCatalog::Add(const VolumeId& volume, const std::string& folder) {
  absl::MutexLock lock(&mutex_);
  entries_.insert_or_assign(volume, Entry{&*folders_.insert(folder).first, nullptr});
}

void VolumeCatalog::AddOpen(const VolumeId& volume, const std::string& folder, const Digest& header_leaf) {
  auto tree = std::make_shared<MerkleTree>();
  tree->Append(header_leaf);
  absl::MutexLock lock(&mutex_);
  entries_.insert_or_assign(volume, Entry{&*folders_.insert(folder).first, std::move(tree)});
}

void VolumeCatalog::AddLeaf(const VolumeId& volume, const Digest& leaf) {
  absl::MutexLock lock(&mutex_);
  entries_.at(volume).tree->Append(leaf);
}

void VolumeCatalog::Closed(const VolumeId& volume, uint64_t leaves) {
  absl::MutexLock lock(&mutex_);
  std::shared_ptr<MerkleTree> tree = std::move(entries_.at(volume).tree);
  // A broken volume's tree has leaves that do not count.
  if (tree != nullptr && tree->size() == leaves) Keep(volume, std::move(tree));
}

Digest VolumeCatalog::RootAt(const VolumeId& volume, uint64_t leaves) const {
  absl::MutexLock lock(&mutex_);
  return entries_.at(volume).tree->RootAt(leaves);
}

absl::StatusOr<std::string> VolumeCatalog::PathOf(const VolumeId& volume) const {
  absl::MutexLock lock(&mutex_);
  const auto it = entries_.find(volume);
  if (it == entries_.end()) return absl::NotFoundError(fmt::format("no volume {}", volume.ToHex()));
  return JoinPath(*it->second.folder, VolumeFileName(volume));
}

absl::StatusOr<Buffer> VolumeCatalog::ReadSegment(const VolumeId& volume, uint64_t offset_bytes) const {
  TURRET_ASSIGN_OR_RETURN(const std::string path, PathOf(volume));
  TURRET_ASSIGN_OR_RETURN(const std::unique_ptr<ReadFile> file, environment_.OpenForRead(path));
  absl::StatusOr<Buffer> record = ReadRecord(*file, offset_bytes);
  if (absl::IsOutOfRange(record.status()) || (record.ok() && !ReadSegmentHeader(*record).ok()))
    return absl::DataLossError(fmt::format("{}: no segment at offset {}", path, offset_bytes));
  if (absl::IsDataLoss(record.status()))
    return absl::DataLossError(fmt::format("{}: {}", path, std::string(record.status().message())));
  return record;
}

std::shared_ptr<const MerkleTree> VolumeCatalog::TreeOf(const VolumeId& volume) const {
  absl::MutexLock lock(&mutex_);
  return entries_.at(volume).tree;
}

absl::StatusOr<VolumeStore::Proof> VolumeCatalog::Prove(const VolumeId& volume, uint64_t leaf_index,
                                                        uint64_t tree_size) const {
  TURRET_ASSIGN_OR_RETURN(const std::string path, PathOf(volume));
  std::shared_ptr<const MerkleTree> tree = TreeOf(volume);
  std::shared_ptr<MerkleTree> scanned;
  if (tree == nullptr) {
    TURRET_ASSIGN_OR_RETURN(VolumeScan scan, ScanVolume(environment_, path));
    tree = scanned = std::make_shared<MerkleTree>(std::move(scan.tree));
  }
  absl::MutexLock lock(&mutex_);  // The tree of an open volume grows.
  if (scanned != nullptr) Keep(volume, scanned);
  TURRET_ASSIGN_OR_RETURN(std::vector<Digest> proof, tree->InclusionProof(leaf_index, tree_size));
  return VolumeStore::Proof{leaf_index, tree_size, std::move(proof), tree->RootAt(tree_size)};
}

void VolumeCatalog::Keep(const VolumeId& volume, std::shared_ptr<MerkleTree> tree) const {
  Entry& entry = entries_.at(volume);
  if (entry.tree != nullptr) return;
  entry.tree = std::move(tree);
  kept_.push_back(volume);
  for (; kept_.size() > kTreesKeptMax; kept_.pop_front()) entries_.at(kept_.front()).tree.reset();
}

}  // namespace turret
