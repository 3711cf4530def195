#include <openssl/evp.h>

#include <memory>

#include "storage/verify/crypto.h"

namespace turret::verify {
namespace {

constexpr size_t kTagBytes = 16;
constexpr size_t kKeyBytes = 32;
constexpr size_t kNonceBytes = 12;

}  // namespace

std::optional<Plain> OpenGcm(View key_and_nonce, View aad, View sealed) {
  if (sealed.size() < kTagBytes || key_and_nonce.size() != kKeyBytes + kNonceBytes) return std::nullopt;
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(EVP_CIPHER_CTX_new(),
                                                                                &EVP_CIPHER_CTX_free);
  const View ciphertext = sealed.first(sealed.size() - kTagBytes);
  Plain tag(sealed.end() - kTagBytes, sealed.end());
  Plain plain(ciphertext.size());
  int got = 0;
  const bool ok =
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key_and_nonce.data(),
                         key_and_nonce.data() + kKeyBytes) == 1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &got, aad.data(), static_cast<int>(aad.size())) == 1 &&
      EVP_DecryptUpdate(context.get(), plain.data(), &got, ciphertext.data(),
                        static_cast<int>(ciphertext.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), plain.data() + plain.size(), &got) == 1;
  return ok ? std::optional(std::move(plain)) : std::nullopt;
}

}  // namespace turret::verify
