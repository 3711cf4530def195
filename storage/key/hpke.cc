#include "storage/key/hpke.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>

#include "storage/base/aead.h"
#include "storage/base/digest.h"
#include "storage/base/status.h"

namespace turret {
namespace {

constexpr uint16_t kKemX25519 = 0x0020;
constexpr uint16_t kKdfHkdfSha256 = 0x0001;
constexpr uint16_t kAeadAes256Gcm = 0x0002;
constexpr std::string_view kVersionLabel = "HPKE-v1";

struct PkeyDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
using Pkey = std::unique_ptr<EVP_PKEY, PkeyDeleter>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, PkeyDeleter>;

// Loading 32 bytes as an X25519 key fails only when OpenSSL is broken.
Pkey Require(EVP_PKEY* key) {
  if (key == nullptr) std::abort();
  return Pkey(key);
}

Pkey PrivateKey(const SecretKey& key) {
  return Require(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, key.bytes().data(), key.bytes().size()));
}

// A digest that is a secret.
struct SecretDigest {
  Digest bytes{};
  explicit SecretDigest(const Digest& digest) : bytes(digest) {}
  ~SecretDigest() { Wipe(bytes); }
  SecretDigest(const SecretDigest&) = delete;
  SecretDigest& operator=(const SecretDigest&) = delete;
};

// Nullopt for a low-order point: the shared secret would be zeros.
std::optional<SecretKey> DiffieHellman(const SecretKey& private_key, const X25519Public& public_key) {
  const Pkey ours = PrivateKey(private_key);
  const Pkey theirs =
      Require(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, public_key.data(), public_key.size()));
  const PkeyContext context(EVP_PKEY_CTX_new(ours.get(), nullptr));
  SecretKey shared;
  size_t length = kSecretKeyBytes;
  const bool ok = context != nullptr && EVP_PKEY_derive_init(context.get()) == 1 &&
                  EVP_PKEY_derive_set_peer(context.get(), theirs.get()) == 1 &&
                  EVP_PKEY_derive(context.get(), shared.mutable_bytes().data(), &length) == 1 &&
                  length == kSecretKeyBytes;
  if (!ok) return std::nullopt;
  return shared;
}

Buffer KemSuite() {
  Buffer suite = ToBuffer(AsBytes("KEM"));
  StoreU16(suite, kKemX25519);
  return suite;
}

Buffer HpkeSuite() {
  Buffer suite = ToBuffer(AsBytes("HPKE"));
  StoreU16(suite, kKemX25519);
  StoreU16(suite, kKdfHkdfSha256);
  StoreU16(suite, kAeadAes256Gcm);
  return suite;
}

// RFC 9180 4: LabeledExtract. An empty salt is HMAC's key of zeros.
Digest LabeledExtract(Bytes suite, Bytes salt, std::string_view label, Bytes secret) {
  Buffer labeled = ToBuffer(AsBytes(kVersionLabel));
  Append(labeled, suite);
  Append(labeled, AsBytes(label));
  Append(labeled, secret);
  const Digest zeros{};
  const Digest extracted = HmacSha256(salt.empty() ? Bytes(zeros) : salt, labeled);
  Wipe(labeled);
  return extracted;
}

// RFC 9180 4: LabeledExpand, for at most one block of output: T(1) of RFC 5869 2.3.
void LabeledExpand(Bytes suite, Bytes key, std::string_view label, Bytes info, std::span<uint8_t> out) {
  if (out.size() > kDigestBytes) std::abort();
  Buffer labeled;
  StoreU16(labeled, static_cast<uint16_t>(out.size()));
  Append(labeled, AsBytes(kVersionLabel));
  Append(labeled, suite);
  Append(labeled, AsBytes(label));
  Append(labeled, info);
  labeled.push_back(1);
  const SecretDigest block(HmacSha256(key, labeled));
  std::copy_n(block.bytes.begin(), out.size(), out.begin());
}

// RFC 9180 4.1: what Encap and Decap make of the Diffie-Hellman value.
SecretKey SharedSecret(const SecretKey& diffie_hellman, const X25519Public& encapsulated,
                       const X25519Public& recipient) {
  const Buffer suite = KemSuite();
  Buffer kem_context = ToBuffer(encapsulated);
  Append(kem_context, recipient);
  const SecretDigest prk(LabeledExtract(suite, {}, "eae_prk", diffie_hellman.bytes()));
  SecretKey shared;
  LabeledExpand(suite, prk.bytes, "shared_secret", kem_context, shared.mutable_bytes());
  return shared;
}

struct MessageKey {
  SecretKey key;
  std::array<uint8_t, kAeadNonceBytes> nonce{};
};

// RFC 9180 5.1, mode_base: no psk. The first message's nonce is the base nonce.
MessageKey KeySchedule(const SecretKey& shared_secret, std::string_view info) {
  constexpr uint8_t kModeBase = 0;
  const Buffer suite = HpkeSuite();
  Buffer context = {kModeBase};
  Append(context, LabeledExtract(suite, {}, "psk_id_hash", {}));
  Append(context, LabeledExtract(suite, {}, "info_hash", AsBytes(info)));
  const SecretDigest secret(LabeledExtract(suite, shared_secret.bytes(), "secret", {}));
  MessageKey message;
  LabeledExpand(suite, secret.bytes, "key", context, message.key.mutable_bytes());
  LabeledExpand(suite, secret.bytes, "base_nonce", context, message.nonce);
  return message;
}

}  // namespace

X25519Public X25519PublicOf(const SecretKey& private_key) {
  const Pkey key = PrivateKey(private_key);
  X25519Public out{};
  size_t length = out.size();
  if (EVP_PKEY_get_raw_public_key(key.get(), out.data(), &length) != 1 || length != out.size()) std::abort();
  return out;
}

X25519Pair MakeX25519Pair(Random& random) {
  SecretKey private_key = SecretKey::Make(random);
  const X25519Public public_key = X25519PublicOf(private_key);
  return {std::move(private_key), public_key};
}

absl::StatusOr<HpkeSealed> HpkeSeal(const X25519Public& recipient, std::string_view info, Bytes aad,
                                    Bytes plaintext, Random& random) {
  const X25519Pair ephemeral = MakeX25519Pair(random);
  const std::optional<SecretKey> diffie_hellman = DiffieHellman(ephemeral.private_key, recipient);
  if (!diffie_hellman.has_value())
    return absl::InvalidArgumentError("X25519 public key is a low-order point");
  const MessageKey message =
      KeySchedule(SharedSecret(*diffie_hellman, ephemeral.public_key, recipient), info);
  HpkeSealed sealed{ephemeral.public_key, {}};
  AeadSeal(message.key.bytes(), message.nonce, aad, plaintext, sealed.ciphertext);
  return sealed;
}

absl::StatusOr<Buffer> HpkeOpen(const SecretKey& recipient, const X25519Public& encapsulated_key,
                                std::string_view info, Bytes aad, Bytes ciphertext) {
  const std::optional<SecretKey> diffie_hellman = DiffieHellman(recipient, encapsulated_key);
  if (!diffie_hellman.has_value()) return absl::DataLossError("encapsulated key is a low-order point");
  const MessageKey message =
      KeySchedule(SharedSecret(*diffie_hellman, encapsulated_key, X25519PublicOf(recipient)), info);
  Buffer plaintext;
  TURRET_RETURN_IF_ERROR(AeadOpen(message.key.bytes(), message.nonce, aad, ciphertext, plaintext));
  return plaintext;
}

}  // namespace turret
