#include "storage/base/secret.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "fmt/format.h"

namespace turret {

SecretKey::~SecretKey() { Wipe(bytes_); }

SecretKey::SecretKey(SecretKey&& other) noexcept : bytes_(other.bytes_) { Wipe(other.bytes_); }

SecretKey& SecretKey::operator=(SecretKey&& other) noexcept {
  if (this != &other) {
    bytes_ = other.bytes_;
    Wipe(other.bytes_);
  }
  return *this;
}

SecretKey SecretKey::Make(Random& random) {
  SecretKey key;
  random.Fill(key.bytes_);
  return key;
}

absl::StatusOr<SecretKey> SecretKey::From(Bytes raw) {
  if (raw.size() != kSecretKeyBytes)
    return absl::InvalidArgumentError(fmt::format("key: {} bytes, want {}", raw.size(), kSecretKeyBytes));
  SecretKey key;
  std::copy(raw.begin(), raw.end(), key.bytes_.begin());
  return key;
}

SecretKey SecretKey::Clone() const {
  SecretKey key;
  key.bytes_ = bytes_;
  return key;
}

void Wipe(std::span<uint8_t> bytes) { OPENSSL_cleanse(bytes.data(), bytes.size()); }
void Wipe(std::string& text) { OPENSSL_cleanse(text.data(), text.size()); }

}  // namespace turret
