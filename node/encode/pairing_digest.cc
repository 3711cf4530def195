#include "node/encode/pairing_digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "storage/base/digest.h"
#include "storage/base/secret.h"

namespace turret::node {
namespace {

constexpr size_t kHashBlockBytes = 64;

void Require(bool ok) {
  if (!ok) std::abort();
}

struct Freed {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, Freed>;

// A hash that has taken in the key, as RFC 2104 pads it.
Context Keyed(const std::array<uint8_t, kHashBlockBytes>& key, uint8_t pad) {
  std::array<uint8_t, kHashBlockBytes> block = key;
  for (uint8_t& byte : block) byte ^= pad;
  Context context(EVP_MD_CTX_new());
  Require(EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1);
  Require(EVP_DigestUpdate(context.get(), block.data(), block.size()) == 1);
  Wipe(block);
  return context;
}

}  // namespace

struct PairingDigest::State {
  Context inner, outer, work{EVP_MD_CTX_new()};

  void Finish(const Context& keyed, Bytes message, Digest& out) {
    Require(EVP_MD_CTX_copy_ex(work.get(), keyed.get()) == 1);
    Require(EVP_DigestUpdate(work.get(), message.data(), message.size()) == 1);
    Require(EVP_DigestFinal_ex(work.get(), out.data(), nullptr) == 1);
  }
};

PairingDigest::PairingDigest(Bytes pairing_key) : state_(std::make_unique<State>()) {
  std::array<uint8_t, kHashBlockBytes> key{};
  if (pairing_key.size() <= key.size()) {
    std::ranges::copy(pairing_key, key.begin());
  } else {
    std::ranges::copy(Sha256(pairing_key), key.begin());
  }
  state_->inner = Keyed(key, 0x36);
  state_->outer = Keyed(key, 0x5C);
  Wipe(key);
}

PairingDigest::~PairingDigest() = default;
PairingDigest::PairingDigest(PairingDigest&&) noexcept = default;

uint32_t PairingDigest::Of(Bytes payload) {
  Digest digest;
  state_->Finish(state_->inner, payload, digest);
  state_->Finish(state_->outer, digest, digest);
  return LoadU32(digest);
}

}  // namespace turret::node
