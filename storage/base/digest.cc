#include "storage/base/digest.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <cstdlib>

namespace turret {
namespace {

// OpenSSL's digests fail only when memory is gone or the library is broken: wrong bytes would be worse than
// none.
void Require(bool ok) {
  if (!ok) std::abort();
}

EVP_MD* Sha256Algorithm() {
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm;
}

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

EVP_MD_CTX* ThreadContext() {
  thread_local std::unique_ptr<EVP_MD_CTX, ContextDeleter> context(EVP_MD_CTX_new());
  return context.get();
}

}  // namespace

Digest Sha256(std::initializer_list<Bytes> parts) {
  EVP_MD_CTX* const context = ThreadContext();
  Require(EVP_DigestInit_ex(context, Sha256Algorithm(), nullptr) == 1);
  for (Bytes part : parts) Require(EVP_DigestUpdate(context, part.data(), part.size()) == 1);
  Digest digest;
  Require(EVP_DigestFinal_ex(context, digest.data(), nullptr) == 1);
  return digest;
}

struct Sha256Stream::State {
  std::unique_ptr<EVP_MD_CTX, ContextDeleter> context{EVP_MD_CTX_new()};
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {
  Require(EVP_DigestInit_ex(state_->context.get(), Sha256Algorithm(), nullptr) == 1);
}
Sha256Stream::~Sha256Stream() = default;
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
Sha256Stream& Sha256Stream::operator=(Sha256Stream&&) noexcept = default;

void Sha256Stream::Update(Bytes bytes) {
  Require(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

Digest Sha256Stream::Peek() const {
  EVP_MD_CTX* const copy = ThreadContext();
  Require(EVP_MD_CTX_copy_ex(copy, state_->context.get()) == 1);
  Digest digest;
  Require(EVP_DigestFinal_ex(copy, digest.data(), nullptr) == 1);
  return digest;
}

Digest HmacSha256(Bytes key, Bytes message) {
  Digest digest;
  unsigned length = 0;
  Require(HMAC(Sha256Algorithm(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
               digest.data(), &length) != nullptr);
  return digest;
}

void HkdfSha256(Bytes key, Bytes salt, std::string_view info, std::span<uint8_t> out) {
  static EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  EVP_KDF_CTX* const context = EVP_KDF_CTX_new(kdf);
  char digest_name[] = "SHA256";
  // OpenSSL takes an empty salt, but no null pointer.
  const uint8_t* const salt_at = salt.empty() ? reinterpret_cast<const uint8_t*>(digest_name) : salt.data();
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest_name, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<uint8_t*>(key.data()), key.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, const_cast<uint8_t*>(salt_at), salt.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<char*>(info.data()), info.size()),
      OSSL_PARAM_construct_end()};
  const bool ok = EVP_KDF_derive(context, out.data(), out.size(), parameters) == 1;
  EVP_KDF_CTX_free(context);
  Require(ok);
}

Digest DigestFrom(std::string_view raw) {
  Digest digest{};
  if (raw.size() == kDigestBytes) std::copy(raw.begin(), raw.end(), digest.begin());
  return digest;
}

}  // namespace turret
