#include "storage/key/root.h"

#include <openssl/evp.h>

#include <array>
#include <bit>

#include "fmt/format.h"
#include "storage/base/digest.h"
#include "storage/base/sealed_box.h"
#include "storage/base/status.h"
#include "storage/key/one_record_file.h"

namespace turret {
namespace {

constexpr std::string_view kMagic = "TRTROOT1";
constexpr std::string_view kKdf = "scrypt";
constexpr uint32_t kVersion = 1;
constexpr size_t kSaltBytes = 32;
constexpr uint64_t kScryptMemoryBytesMax = uint64_t{1} << 30;
constexpr uint32_t kScryptRoundsMax = 16;
constexpr size_t kUseBytesMax = 128;

// The file says what it costs to open; a forged one must not take all memory.
bool IsScryptCost(const ScryptCost& cost) {
  return std::has_single_bit(cost.n) && cost.n > 1 && cost.n <= (uint64_t{1} << 22) && cost.r >= 1 &&
         cost.r <= 32 && cost.p >= 1 && cost.p <= kScryptRoundsMax &&
         128 * cost.n * cost.r <= kScryptMemoryBytesMax;
}

absl::StatusOr<SecretKey> FromPassphrase(std::string_view passphrase, Bytes salt, const ScryptCost& cost) {
  SecretKey key;
  const std::span<uint8_t> out = key.mutable_bytes();
  if (EVP_PBE_scrypt(passphrase.data(), passphrase.size(), salt.data(), salt.size(), cost.n, cost.r, cost.p,
                     2 * kScryptMemoryBytesMax, out.data(), out.size()) != 1)
    return absl::ResourceExhaustedError(
        fmt::format("scrypt with n {}, r {}, p {} failed: not enough memory?", cost.n, cost.r, cost.p));
  return key;
}

Buffer RootAad(const ScryptCost& cost, Bytes salt) {
  Buffer aad = ToBuffer(AsBytes("turret root v1"));
  StoreU64(aad, cost.n);
  StoreU32(aad, cost.r);
  StoreU32(aad, cost.p);
  Append(aad, salt);
  return aad;
}

Buffer SealAad(std::string_view use, std::string_view id) {
  Buffer aad;
  StoreU16(aad, static_cast<uint16_t>(use.size()));
  Append(aad, AsBytes(use));
  Append(aad, AsBytes(id));
  return aad;
}

class FileRoot final : public RootKey {
 public:
  FileRoot(SecretKey root, Random& random)
      : root_(std::move(root)), seal_key_(Expand("turret root seal v1")), random_(random) {}

  absl::StatusOr<v1::RootSealed> Seal(std::string_view use, std::string_view id, Bytes secret) override {
    if (use.empty() || use.size() > kUseBytesMax)
      return absl::InvalidArgumentError(
          fmt::format("use of {} bytes: want 1 to {}", use.size(), kUseBytesMax));
    v1::RootSealed sealed;
    sealed.set_format_version(kVersion);
    sealed.set_use(std::string(use));
    sealed.set_id(std::string(id));
    sealed.set_sealed(ToString(SealBox(seal_key_, SealAad(use, id), secret, random_)));
    return sealed;
  }

  absl::StatusOr<Buffer> Open(std::string_view use, const v1::RootSealed& sealed) override {
    if (sealed.format_version() != kVersion || sealed.use() != use)
      return absl::DataLossError(
          fmt::format("sealed secret of version {} for another use than {}", sealed.format_version(), use));
    return OpenBox(seal_key_, SealAad(use, sealed.id()), AsBytes(sealed.sealed()));
  }

  absl::StatusOr<SecretKey> Derive(std::string_view purpose) override {
    return Expand(fmt::format("turret root derive v1:{}", purpose));
  }

 private:
  SecretKey Expand(std::string_view info) const {
    SecretKey key;
    HkdfSha256(root_.bytes(), Digest{}, info, key.mutable_bytes());
    return key;
  }

  const SecretKey root_;
  const SecretKey seal_key_;
  Random& random_;
};

absl::StatusOr<v1::RootFile> ReadRootFile(Environment& environment, const std::string& path) {
  TURRET_ASSIGN_OR_RETURN(const Buffer raw, ReadOneRecord(environment, path, kMagic));
  v1::RootFile file;
  if (!file.ParseFromArray(raw.data(), static_cast<int>(raw.size())) || file.format_version() != kVersion ||
      file.kdf() != kKdf || file.salt().size() != kSaltBytes ||
      !IsScryptCost({file.scrypt_n(), file.scrypt_r(), file.scrypt_p()}))
    return absl::DataLossError(fmt::format("{} is no root file that this version knows", path));
  return file;
}

}  // namespace

absl::Status CreateRootFile(Environment& environment, const std::string& path, std::string_view passphrase,
                            Random& random, ScryptCost cost) {
  if (passphrase.size() < kPassphraseBytesMin)
    return absl::InvalidArgumentError(
        fmt::format("passphrase of {} bytes, want {} at least", passphrase.size(), kPassphraseBytesMin));
  if (!IsScryptCost(cost)) return absl::InvalidArgumentError("scrypt cost out of bounds");
  if (environment.Exists(path)) return absl::AlreadyExistsError(fmt::format("{} exists", path));
  std::array<uint8_t, kSaltBytes> salt{};
  random.Fill(salt);
  TURRET_ASSIGN_OR_RETURN(const SecretKey derived, FromPassphrase(passphrase, salt, cost));
  const SecretKey root = SecretKey::Make(random);
  v1::RootFile file;
  file.set_format_version(kVersion);
  file.set_kdf(std::string(kKdf));
  file.set_salt(ToString(salt));
  file.set_scrypt_n(cost.n);
  file.set_scrypt_r(cost.r);
  file.set_scrypt_p(cost.p);
  file.set_sealed_root(ToString(SealBox(derived, RootAad(cost, salt), root.bytes(), random)));
  return WriteOneRecord(environment, path, kMagic, AsBytes(file.SerializeAsString()));
}

absl::StatusOr<std::unique_ptr<RootKey>> OpenRootFile(Environment& environment, const std::string& path,
                                                      std::string_view passphrase, Random& random) {
  TURRET_ASSIGN_OR_RETURN(const v1::RootFile file, ReadRootFile(environment, path));
  const ScryptCost cost{file.scrypt_n(), file.scrypt_r(), file.scrypt_p()};
  TURRET_ASSIGN_OR_RETURN(const SecretKey derived, FromPassphrase(passphrase, AsBytes(file.salt()), cost));
  absl::StatusOr<SecretKey> root =
      OpenKeyBox(derived, RootAad(cost, AsBytes(file.salt())), AsBytes(file.sealed_root()));
  if (!root.ok()) return absl::PermissionDeniedError(fmt::format("{} does not open: wrong passphrase", path));
  return std::make_unique<FileRoot>(*std::move(root), random);
}

}  // namespace turret
