#include "storage/base/merkle.h"

#include <bit>

#include "fmt/format.h"

namespace turret {
namespace {

constexpr uint8_t kLeafPrefix[] = {0x00};
constexpr uint8_t kNodePrefix[] = {0x01};

// Largest power of two smaller than n; n > 1.
uint64_t Split(uint64_t n) { return uint64_t{1} << (std::bit_width(n - 1) - 1); }

}  // namespace

Digest MerkleLeafHash(std::initializer_list<Bytes> data) {
  Sha256Stream stream;
  stream.Update(kLeafPrefix);
  for (Bytes part : data) stream.Update(part);
  return stream.Peek();
}

Digest MerkleNodeHash(const Digest& left, const Digest& right) { return Sha256({kNodePrefix, left, right}); }

Digest MerkleEmptyRoot() { return Sha256(Bytes{}); }

void MerkleTree::Append(const Digest& leaf_hash) {
  Digest hash = leaf_hash;
  for (size_t level = 0;; ++level) {
    if (level == levels_.size()) levels_.emplace_back();
    levels_[level].push_back(hash);
    const size_t count = levels_[level].size();
    if (count % 2 != 0) return;
    hash = MerkleNodeHash(levels_[level][count - 2], hash);
  }
}

Digest MerkleTree::RootAt(uint64_t size) const { return size == 0 ? MerkleEmptyRoot() : Subtree(0, size); }

Digest MerkleTree::Subtree(uint64_t begin, uint64_t end) const {
  const uint64_t count = end - begin;
  if (std::has_single_bit(count) && begin % count == 0)
    return levels_[static_cast<size_t>(std::countr_zero(count))][begin / count];
  const uint64_t middle = begin + Split(count);
  return MerkleNodeHash(Subtree(begin, middle), Subtree(middle, end));
}

absl::StatusOr<std::vector<Digest>> MerkleTree::InclusionProof(uint64_t index, uint64_t tree_size) const {
  if (index >= tree_size || tree_size > size())
    return absl::OutOfRangeError(
        fmt::format("no proof of leaf {} in a tree of {} (have {})", index, tree_size, size()));
  std::vector<Digest> proof;
  Prove(index, 0, tree_size, proof);
  return proof;
}

void MerkleTree::Prove(uint64_t index, uint64_t begin, uint64_t end, std::vector<Digest>& proof) const {
  if (end - begin == 1) return;
  const uint64_t middle = begin + Split(end - begin);
  if (index < middle) {
    Prove(index, begin, middle, proof);
    proof.push_back(Subtree(middle, end));
  } else {
    Prove(index, middle, end, proof);
    proof.push_back(Subtree(begin, middle));
  }
}

absl::StatusOr<std::vector<Digest>> MerkleTree::ConsistencyProof(uint64_t old_size, uint64_t new_size) const {
  if (old_size == 0 || old_size > new_size || new_size > size())
    return absl::OutOfRangeError(
        fmt::format("no proof from size {} to {} (have {})", old_size, new_size, size()));
  std::vector<Digest> proof;
  ProveOld(old_size, 0, new_size, true, proof);
  return proof;
}

void MerkleTree::ProveOld(uint64_t old_size, uint64_t begin, uint64_t end, bool whole,
                          std::vector<Digest>& proof) const {
  if (old_size == end - begin) {
    if (!whole) proof.push_back(Subtree(begin, end));
    return;
  }
  const uint64_t left = Split(end - begin);
  if (old_size <= left) {
    ProveOld(old_size, begin, begin + left, whole, proof);
    proof.push_back(Subtree(begin + left, end));
  } else {
    ProveOld(old_size - left, begin + left, end, false, proof);
    proof.push_back(Subtree(begin, begin + left));
  }
}

bool VerifyInclusion(const Digest& leaf_hash, uint64_t index, uint64_t tree_size,
                     const std::vector<Digest>& proof, const Digest& root) {
  if (index >= tree_size) return false;
  uint64_t node = index;
  uint64_t last = tree_size - 1;
  Digest hash = leaf_hash;
  for (const Digest& sibling : proof) {
    if (last == 0) return false;
    if (node % 2 == 1 || node == last) {
      hash = MerkleNodeHash(sibling, hash);
      while (node % 2 == 0 && node != 0) node >>= 1, last >>= 1;
    } else {
      hash = MerkleNodeHash(hash, sibling);
    }
    node >>= 1, last >>= 1;
  }
  return last == 0 && hash == root;
}

bool VerifyConsistency(uint64_t old_size, uint64_t new_size, const Digest& old_root, const Digest& new_root,
                       const std::vector<Digest>& proof) {
  if (old_size == 0 || old_size > new_size) return false;
  if (old_size == new_size) return proof.empty() && old_root == new_root;
  std::vector<Digest> path = proof;
  if (std::has_single_bit(old_size)) path.insert(path.begin(), old_root);
  if (path.empty()) return false;
  uint64_t node = old_size - 1;
  uint64_t last = new_size - 1;
  while (node % 2 == 1) node >>= 1, last >>= 1;
  Digest old_hash = path[0];
  Digest new_hash = path[0];
  for (size_t i = 1; i < path.size(); ++i) {
    if (last == 0) return false;
    if (node % 2 == 1 || node == last) {
      old_hash = MerkleNodeHash(path[i], old_hash);
      new_hash = MerkleNodeHash(path[i], new_hash);
      while (node % 2 == 0 && node != 0) node >>= 1, last >>= 1;
    } else {
      new_hash = MerkleNodeHash(new_hash, path[i]);
    }
    node >>= 1, last >>= 1;
  }
  return last == 0 && old_hash == old_root && new_hash == new_root;
}

}  // namespace turret
