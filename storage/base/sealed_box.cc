#include "storage/base/sealed_box.h"

#include <array>

#include "fmt/format.h"
#include "storage/base/aead.h"
#include "storage/base/digest.h"
#include "storage/base/status.h"

namespace turret {
namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kSuite = 1;
constexpr size_t kSaltBytes = 32;
constexpr size_t kPrefixBytes = 2 + kSaltBytes;

struct Derived {
  std::array<uint8_t, kAeadKeyBytes + kAeadNonceBytes> bytes;
  Derived(const SecretKey& key, Bytes salt) { HkdfSha256(key.bytes(), salt, "turret sealed box v1", bytes); }
  ~Derived() { Wipe(bytes); }
  Bytes key() const { return Bytes(bytes).first(kAeadKeyBytes); }
  Bytes nonce() const { return Bytes(bytes).subspan(kAeadKeyBytes); }
};

Buffer FullAad(Bytes prefix, Bytes aad) {
  Buffer full = ToBuffer(prefix);
  Append(full, aad);
  return full;
}

}  // namespace

void AppendSealedBox(const SecretKey& key, Bytes aad, Bytes plaintext, Random& random, Buffer& out) {
  std::array<uint8_t, kPrefixBytes> prefix{kVersion, kSuite};
  random.Fill(std::span(prefix).subspan(2));
  const Derived derived(key, Bytes(prefix).subspan(2));
  out.reserve(out.size() + plaintext.size() + kSealedBoxOverheadBytes);
  Append(out, prefix);
  AeadSeal(derived.key(), derived.nonce(), FullAad(prefix, aad), plaintext, out);
}

Buffer SealBox(const SecretKey& key, Bytes aad, Bytes plaintext, Random& random) {
  Buffer box;
  AppendSealedBox(key, aad, plaintext, random, box);
  return box;
}

absl::StatusOr<Buffer> OpenBox(const SecretKey& key, Bytes aad, Bytes box) {
  if (box.size() < kSealedBoxOverheadBytes)
    return absl::DataLossError(
        fmt::format("sealed box: {} bytes, want {} at least", box.size(), kSealedBoxOverheadBytes));
  if (box[0] != kVersion || box[1] != kSuite)
    return absl::DataLossError(
        fmt::format("sealed box: version {}, suite {} are not known here", box[0], box[1]));
  const Bytes prefix = box.first(kPrefixBytes);
  const Derived derived(key, prefix.subspan(2));
  Buffer plaintext;
  TURRET_RETURN_IF_ERROR(
      AeadOpen(derived.key(), derived.nonce(), FullAad(prefix, aad), box.subspan(kPrefixBytes), plaintext));
  return plaintext;
}

absl::StatusOr<SecretKey> OpenKeyBox(const SecretKey& key, Bytes aad, Bytes box) {
  TURRET_ASSIGN_OR_RETURN(Buffer raw, OpenBox(key, aad, box));
  absl::StatusOr<SecretKey> opened = SecretKey::From(raw);
  Wipe(raw);
  return opened;
}

}  // namespace turret
