#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "fmt/format.h"
#include "storage/base/aead.h"
#include "storage/base/ctr.h"

namespace turret {
namespace {

struct ContextDeleter {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

// One context a thread; reset after each use, so that no key schedule outlives its message.
class Context {
 public:
  Context() : context_(ThreadContext()) {}
  ~Context() { EVP_CIPHER_CTX_reset(context_); }
  EVP_CIPHER_CTX* get() { return context_; }

 private:
  static EVP_CIPHER_CTX* ThreadContext() {
    thread_local std::unique_ptr<EVP_CIPHER_CTX, ContextDeleter> context(EVP_CIPHER_CTX_new());
    return context.get();
  }
  EVP_CIPHER_CTX* context_;
};

EVP_CIPHER* Algorithm() {
  static EVP_CIPHER* const algorithm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return algorithm;
}

EVP_CIPHER* CtrAlgorithm() {
  static EVP_CIPHER* const algorithm = EVP_CIPHER_fetch(nullptr, "AES-256-CTR", nullptr);
  return algorithm;
}

// A failure to seal is a broken library or wrong arguments: nothing may be written then.
void Require(bool ok) {
  if (!ok) std::abort();
}

}  // namespace

void AeadSeal(Bytes key, Bytes nonce, Bytes aad, Bytes plaintext, Buffer& out) {
  Require(key.size() == kAeadKeyBytes && nonce.size() == kAeadNonceBytes);
  Context context;
  int length = 0;
  const size_t start = out.size();
  out.resize(start + plaintext.size() + kAeadTagBytes);
  uint8_t* const cipher = out.data() + start;
  Require(EVP_EncryptInit_ex2(context.get(), Algorithm(), key.data(), nonce.data(), nullptr) == 1);
  Require(aad.empty() ||
          EVP_EncryptUpdate(context.get(), nullptr, &length, aad.data(), static_cast<int>(aad.size())) == 1);
  Require(plaintext.empty() || EVP_EncryptUpdate(context.get(), cipher, &length, plaintext.data(),
                                                 static_cast<int>(plaintext.size())) == 1);
  Require(EVP_EncryptFinal_ex(context.get(), cipher + plaintext.size(), &length) == 1);
  Require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kAeadTagBytes,
                              cipher + plaintext.size()) == 1);
}

absl::Status AeadOpen(Bytes key, Bytes nonce, Bytes aad, Bytes sealed, Buffer& out) {
  if (key.size() != kAeadKeyBytes || nonce.size() != kAeadNonceBytes || sealed.size() < kAeadTagBytes)
    return absl::DataLossError(fmt::format(
        "cannot open {} sealed bytes: too short, or key or nonce of a wrong size", sealed.size()));
  Context context;
  int length = 0;
  const size_t start = out.size();
  const size_t plain_bytes = sealed.size() - kAeadTagBytes;
  out.resize(start + plain_bytes);
  uint8_t* const plain = out.data() + start;
  uint8_t* const tag = const_cast<uint8_t*>(sealed.data()) + plain_bytes;
  const bool ok = EVP_DecryptInit_ex2(context.get(), Algorithm(), key.data(), nonce.data(), nullptr) == 1 &&
                  (aad.empty() || EVP_DecryptUpdate(context.get(), nullptr, &length, aad.data(),
                                                    static_cast<int>(aad.size())) == 1) &&
                  (plain_bytes == 0 || EVP_DecryptUpdate(context.get(), plain, &length, sealed.data(),
                                                         static_cast<int>(plain_bytes)) == 1) &&
                  EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kAeadTagBytes, tag) == 1 &&
                  EVP_DecryptFinal_ex(context.get(), plain + plain_bytes, &length) == 1;
  if (ok) return absl::OkStatus();
  OPENSSL_cleanse(plain, plain_bytes);
  out.resize(start);
  return absl::DataLossError(
      fmt::format("{} sealed bytes do not open: wrong key, or altered", sealed.size()));
}

void CtrCrypt(Bytes key, uint64_t offset, std::span<uint8_t> data) {
  Require(key.size() == kCtrKeyBytes);
  Buffer counter(kCtrBlockBytes - sizeof(uint64_t));
  StoreU64(counter, offset / kCtrBlockBytes);
  Context context;
  Require(EVP_EncryptInit_ex2(context.get(), CtrAlgorithm(), key.data(), counter.data(), nullptr) == 1);
  int length = 0;
  std::array<uint8_t, kCtrBlockBytes> skipped{};
  const int skip = static_cast<int>(offset % kCtrBlockBytes);
  Require(skip == 0 || EVP_EncryptUpdate(context.get(), skipped.data(), &length, skipped.data(), skip) == 1);
  constexpr size_t kStepBytes = size_t{1} << 30;  // The library counts in int.
  for (; !data.empty(); data = data.subspan(std::min(kStepBytes, data.size())))
    Require(EVP_EncryptUpdate(context.get(), data.data(), &length, data.data(),
                              static_cast<int>(std::min(kStepBytes, data.size()))) == 1);
}

}  // namespace turret
