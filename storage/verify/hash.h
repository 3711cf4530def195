// Byte strings, SHA-256 and RFC 9162 Merkle roots: the verifier's own, apart from the writer's.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace turret::verify {

using View = std::span<const uint8_t>;
using Hash = std::array<uint8_t, 32>;

View ViewOf(std::string_view text);
std::string Hex(View bytes);
std::string Hex(std::string_view bytes);
/// Nullopt unless `text` is whole bytes of hex digits.
std::optional<std::vector<uint8_t>> Unhex(std::string_view text);
/// True when a message's field holds exactly these bytes.
bool Equal(View bytes, std::string_view field);
uint64_t BigEndian(View bytes);

Hash Sha256(std::initializer_list<View> parts);
/// SHA-256(0x00 | parts).
Hash LeafHash(std::initializer_list<View> parts);

/// Root of a growing tree from its complete subtrees alone, so that a tree of any size needs a few hundred
/// bytes.
class MerkleRoot {
 public:
  void Append(const Hash& leaf);
  uint64_t leaves() const { return leaves_; }
  Hash Root() const;

 private:
  std::vector<Hash> peaks_;  // Of the complete subtrees, the largest first: one for each bit set in leaves_.
  uint64_t leaves_ = 0;
};

}  // namespace turret::verify
