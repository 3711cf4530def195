#include "storage/verify/hash.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace turret::verify {
namespace {

int Digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

Hash NodeHash(const Hash& left, const Hash& right) {
  static constexpr uint8_t kNode[] = {0x01};
  return Sha256({kNode, left, right});
}

}  // namespace

View ViewOf(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

std::string Hex(View bytes) {
  std::string text;
  for (uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string Hex(std::string_view bytes) { return Hex(ViewOf(bytes)); }

std::optional<std::vector<uint8_t>> Unhex(std::string_view text) {
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = Digit(text[i]);
    const int low = Digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<uint8_t>(high * 16 + low));
  }
  if (text.size() % 2 != 0) return std::nullopt;
  return bytes;
}

bool Equal(View bytes, std::string_view field) { return std::ranges::equal(bytes, ViewOf(field)); }

uint64_t BigEndian(View bytes) {
  uint64_t value = 0;
  for (uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

Hash Sha256(std::initializer_list<View> parts) {
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
  bool ok = EVP_DigestInit_ex(context.get(), algorithm, nullptr) == 1;
  for (View part : parts) ok = ok && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  Hash hash;
  if (!ok || EVP_DigestFinal_ex(context.get(), hash.data(), nullptr) != 1) std::abort();
  return hash;
}

Hash LeafHash(std::initializer_list<View> parts) {
  static constexpr uint8_t kLeaf[] = {0x00};
  std::vector<uint8_t> data(kLeaf, kLeaf + 1);
  for (View part : parts) data.insert(data.end(), part.begin(), part.end());
  return Sha256({data});
}

void MerkleRoot::Append(const Hash& leaf) {
  Hash hash = leaf;
  for (uint64_t bits = leaves_; (bits & 1) != 0; bits >>= 1) {
    hash = NodeHash(peaks_.back(), hash);
    peaks_.pop_back();
  }
  peaks_.push_back(hash);
  ++leaves_;
}

Hash MerkleRoot::Root() const {
  if (peaks_.empty()) return Sha256({});
  Hash root = peaks_.back();
  for (size_t i = peaks_.size() - 1; i > 0; --i) root = NodeHash(peaks_[i - 1], root);
  return root;
}

}  // namespace turret::verify
