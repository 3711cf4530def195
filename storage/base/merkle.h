// Merkle trees with RFC 9162 hashing: leaf = SHA-256(0x00 | data), node = SHA-256(0x01 | left | right).
// Used by the ledger, and by each volume and key book.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/base/digest.h"

namespace turret {

Digest MerkleLeafHash(std::initializer_list<Bytes> data);
Digest MerkleNodeHash(const Digest& left, const Digest& right);
/// Root of the tree without leaves: SHA-256 of nothing.
Digest MerkleEmptyRoot();

/// An append-only tree in memory (64 bytes a leaf). Not thread-safe.
class MerkleTree {
 public:
  void Append(const Digest& leaf_hash);
  uint64_t size() const { return levels_.empty() ? 0 : levels_[0].size(); }
  const Digest& leaf(uint64_t index) const { return levels_[0][index]; }

  /// Root over all leaves; O(log size).
  Digest Root() const { return RootAt(size()); }
  /// Root of the first `size` leaves, as it was then. `size` must not exceed size().
  Digest RootAt(uint64_t size) const;

  /// RFC 9162 2.1.3.1. Errors: OutOfRange unless index < tree_size <= size().
  absl::StatusOr<std::vector<Digest>> InclusionProof(uint64_t index, uint64_t tree_size) const;
  /// RFC 9162 2.1.4.1. Errors: OutOfRange unless 0 < old_size <= new_size <= size().
  absl::StatusOr<std::vector<Digest>> ConsistencyProof(uint64_t old_size, uint64_t new_size) const;

 private:
  Digest Subtree(uint64_t begin, uint64_t end) const;
  void Prove(uint64_t index, uint64_t begin, uint64_t end, std::vector<Digest>& proof) const;
  void ProveOld(uint64_t old_size, uint64_t begin, uint64_t end, bool whole,
                std::vector<Digest>& proof) const;

  std::vector<std::vector<Digest>>
      levels_;  // levels_[k][i]: hash of the complete subtree of 2^k leaves at i * 2^k.
};

/// RFC 9162 2.1.3.2.
bool VerifyInclusion(const Digest& leaf_hash, uint64_t index, uint64_t tree_size,
                     const std::vector<Digest>& proof, const Digest& root);
/// RFC 9162 2.1.4.2.
bool VerifyConsistency(uint64_t old_size, uint64_t new_size, const Digest& old_root, const Digest& new_root,
                       const std::vector<Digest>& proof);

}  // namespace turret
