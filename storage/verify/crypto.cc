#include "storage/verify/crypto.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <cstdlib>
#include <memory>

namespace turret::verify {
namespace {

constexpr size_t kTagBytes = 16;
constexpr size_t kKeyBytes = 32;
constexpr size_t kNonceBytes = 12;
constexpr size_t kBoxPrefixBytes = 34;
constexpr uint64_t kScryptBytesMax = uint64_t{1} << 30;

}  // namespace

Plain Hkdf(View key, View salt, std::string_view info, size_t bytes) {
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr),
                                                              &EVP_KDF_free);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(EVP_KDF_CTX_new(kdf.get()),
                                                                          &EVP_KDF_CTX_free);
  char digest[] = "SHA256";
  // OpenSSL takes an empty salt, but no null pointer.
  const uint8_t* const salt_at = salt.empty() ? reinterpret_cast<const uint8_t*>(digest) : salt.data();
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<uint8_t*>(key.data()), key.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, const_cast<uint8_t*>(salt_at), salt.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<char*>(info.data()), info.size()),
      OSSL_PARAM_construct_end()};
  Plain out(bytes);
  if (EVP_KDF_derive(context.get(), out.data(), out.size(), parameters) != 1) std::abort();
  return out;
}

std::optional<Plain> OpenBox(View key, View aad, View box) {
  if (box.size() < kBoxPrefixBytes + kTagBytes || box[0] != 1 || box[1] != 1) return std::nullopt;
  Plain full(box.begin(), box.begin() + kBoxPrefixBytes);
  full.insert(full.end(), aad.begin(), aad.end());
  const Plain derived = Hkdf(key, box.subspan(2, 32), "turret sealed box v1", kKeyBytes + kNonceBytes);
  return OpenGcm(derived, full, box.subspan(kBoxPrefixBytes));
}

std::optional<Plain> Scrypt(std::string_view passphrase, View salt, uint64_t n, uint64_t r, uint64_t p) {
  if (n > kScryptBytesMax || r > 1024 || p > 1024 || 128 * n * r > kScryptBytesMax) return std::nullopt;
  Plain key(kKeyBytes);
  const int ok = EVP_PBE_scrypt(passphrase.data(), passphrase.size(), salt.data(), salt.size(), n, r, p,
                                2 * kScryptBytesMax, key.data(), key.size());
  return ok == 1 ? std::optional(std::move(key)) : std::nullopt;
}

Plain X25519Public(View private_key) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, private_key.data(), private_key.size()),
      &EVP_PKEY_free);
  Plain out(32);
  size_t bytes = out.size();
  if (!key || EVP_PKEY_get_raw_public_key(key.get(), out.data(), &bytes) != 1) return {};
  return out;
}

Aad& Aad::Text(std::string_view text) {
  bytes_.insert(bytes_.end(), text.begin(), text.end());
  return *this;
}

Aad& Aad::Padded(std::string_view text, size_t bytes) {
  std::string padded(text);
  padded.resize(bytes, '\0');
  return Text(padded);
}

Aad& Aad::Integer(uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) bytes_.push_back(static_cast<uint8_t>(value >> (8 * i)));
  return *this;
}

}  // namespace turret::verify
