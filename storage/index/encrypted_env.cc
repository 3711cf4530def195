#include "storage/index/encrypted_env.h"

#include <algorithm>
#include <string>
#include <utility>

#include "rocksdb/env_encryption.h"
#include "rocksdb/file_system.h"
#include "storage/base/ctr.h"
#include "storage/base/digest.h"
#include "storage/base/random.h"

namespace turret::index {
namespace {

constexpr std::string_view kMagic = "TRTINDX1";
constexpr size_t kSaltBytes = 32;
constexpr size_t kPageBytes = 4096;  // What direct reads are aligned to.
constexpr std::string_view kInfo = "turret index file";

std::span<uint8_t> BytesOf(char* data, size_t size) { return {reinterpret_cast<uint8_t*>(data), size}; }

/// One file. Whole buffers at once: the library's own stream goes block by block, at half the speed.
class FileCipher final : public rocksdb::BlockAccessCipherStream {
 public:
  explicit FileCipher(SecretKey key) : key_(std::move(key)) {}
  size_t BlockSize() override { return kCtrBlockBytes; }
  rocksdb::Status Encrypt(uint64_t offset, char* data, size_t size) override {
    CtrCrypt(key_.bytes(), offset, BytesOf(data, size));
    return rocksdb::Status::OK();
  }
  rocksdb::Status Decrypt(uint64_t offset, char* data, size_t size) override {
    return Encrypt(offset, data, size);
  }

 protected:
  // Only the library's own Encrypt calls these.
  void AllocateScratch(std::string&) override {}
  rocksdb::Status EncryptBlock(uint64_t, char*, char*) override { return rocksdb::Status::NotSupported(); }
  rocksdb::Status DecryptBlock(uint64_t, char*, char*) override { return rocksdb::Status::NotSupported(); }

 private:
  const SecretKey key_;
};

class FileCiphers final : public rocksdb::EncryptionProvider {
 public:
  explicit FileCiphers(SecretKey key) : key_(std::move(key)) {}
  const char* Name() const override { return "turret.index"; }
  size_t GetPrefixLength() const override { return kPageBytes; }

  rocksdb::Status CreateNewPrefix(const std::string&, char* prefix, size_t size) const override {
    std::fill_n(prefix, size, '\0');
    std::copy(kMagic.begin(), kMagic.end(), prefix);
    SystemRandom().Fill(BytesOf(prefix + kMagic.size(), kSaltBytes));
    return rocksdb::Status::OK();
  }

  rocksdb::Status CreateCipherStream(const std::string&, const rocksdb::EnvOptions&, rocksdb::Slice& prefix,
                                     std::unique_ptr<rocksdb::BlockAccessCipherStream>* result) override {
    if (prefix.size() < kMagic.size() + kSaltBytes || !prefix.starts_with({kMagic.data(), kMagic.size()}))
      return rocksdb::Status::Corruption("not a file of an encrypted index");
    const Bytes salt = AsBytes(prefix.ToStringView()).subspan(kMagic.size(), kSaltBytes);
    SecretKey file_key;
    HkdfSha256(key_.bytes(), salt, kInfo, file_key.mutable_bytes());
    *result = std::make_unique<FileCipher>(std::move(file_key));
    return rocksdb::Status::OK();
  }

  rocksdb::Status AddCipher(const std::string&, const char*, size_t, bool) override {
    return rocksdb::Status::NotSupported();
  }

 private:
  const SecretKey key_;
};

}  // namespace

std::unique_ptr<rocksdb::Env> MakeEncryptedEnv(SecretKey key) {
  return rocksdb::NewCompositeEnv(
      rocksdb::NewEncryptedFS(rocksdb::FileSystem::Default(), std::make_shared<FileCiphers>(std::move(key))));
}

}  // namespace turret::index
