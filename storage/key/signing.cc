#include "storage/key/signing.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cstdlib>
#include <memory>

namespace turret {
namespace {

struct Deleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Pkey = std::unique_ptr<EVP_PKEY, Deleter>;
using Context = std::unique_ptr<EVP_MD_CTX, Deleter>;

// Signing fails only when OpenSSL is broken: a head without a signature must never be stored.
void Require(bool ok) {
  if (!ok) std::abort();
}

Pkey PrivateKey(const SecretKey& seed) {
  Pkey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.bytes().data(), seed.bytes().size()));
  Require(key != nullptr);
  return key;
}

Pkey PublicKey(const Ed25519Public& public_key) {
  Pkey key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, public_key.data(), public_key.size()));
  Require(key != nullptr);
  return key;
}

}  // namespace

Ed25519Public Ed25519PublicOf(const SecretKey& seed) {
  Ed25519Public out{};
  size_t length = out.size();
  Require(EVP_PKEY_get_raw_public_key(PrivateKey(seed).get(), out.data(), &length) == 1 &&
          length == out.size());
  return out;
}

Ed25519Signature Ed25519Sign(const SecretKey& seed, Bytes message) {
  const Pkey key = PrivateKey(seed);
  const Context context(EVP_MD_CTX_new());
  Ed25519Signature signature{};
  size_t length = signature.size();
  Require(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1);
  Require(EVP_DigestSign(context.get(), signature.data(), &length, message.data(), message.size()) == 1);
  Require(length == signature.size());
  return signature;
}

bool Ed25519Verify(const Ed25519Public& public_key, Bytes message, const Ed25519Signature& signature) {
  const Pkey key = PublicKey(public_key);
  const Context context(EVP_MD_CTX_new());
  return EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

std::string Ed25519PublicPem(const Ed25519Public& public_key) {
  const Pkey key = PublicKey(public_key);
  const std::unique_ptr<BIO, Deleter> bio(BIO_new(BIO_s_mem()));
  Require(bio != nullptr && PEM_write_bio_PUBKEY(bio.get(), key.get()) == 1);
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &text);
  Require(length > 0);
  return std::string(text, static_cast<size_t>(length));
}

}  // namespace turret
