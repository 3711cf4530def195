#include "storage/key/key_tree.h"

#include <algorithm>

#include "fmt/format.h"
#include "storage/base/status.h"
#include "storage/key/names.h"
#include "storage/key/one_record_file.h"

namespace turret {
namespace {

constexpr std::string_view kMagic = "TRTKEY01";
constexpr std::string_view kSuffix = ".key";

std::string FileName(std::string_view stem) { return fmt::format("{}{}", stem, kSuffix); }
std::string IntakeUse(std::string_view day) { return fmt::format("intake:{}", day); }
std::string PairingUse(std::string_view day) { return fmt::format("pairing:{}", day); }

absl::Status CheckMonth(const std::string& month) { return CheckDay(month + "-01"); }

absl::Status CheckUse(const std::string& use) {
  const bool ok = !use.empty() && use.size() <= 64 && use.front() != '-' &&
                  std::all_of(use.begin(), use.end(), [](char c) {
                    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                  });
  if (ok) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("use of {} bytes: want 1 to 64 of a-z, 0-9 and '-'", use.size()));
}

absl::StatusOr<v1::RootSealed> Read(Environment& environment, const std::string& path) {
  TURRET_ASSIGN_OR_RETURN(const Buffer raw, ReadOneRecord(environment, path, kMagic));
  v1::RootSealed sealed;
  if (!sealed.ParseFromArray(raw.data(), static_cast<int>(raw.size())) || sealed.id().size() != kIdBytes)
    return absl::DataLossError(fmt::format("{} is no key file", path));
  return sealed;
}

absl::Status Write(Environment& environment, const std::string& path, const v1::RootSealed& sealed) {
  return WriteOneRecord(environment, path, kMagic, AsBytes(sealed.SerializeAsString()));
}

struct Loaded {
  v1::RootSealed sealed;
  SecretKey secret;
};

absl::StatusOr<Loaded> LoadKey(Environment& environment, RootKey& root, const std::string& path,
                               std::string_view use) {
  TURRET_ASSIGN_OR_RETURN(v1::RootSealed sealed, Read(environment, path));
  TURRET_ASSIGN_OR_RETURN(Buffer raw, root.Open(use, sealed));
  absl::StatusOr<SecretKey> secret = SecretKey::From(raw);
  Wipe(raw);
  if (!secret.ok()) return absl::DataLossError(fmt::format("{} holds no 32-byte key", path));
  return Loaded{std::move(sealed), *std::move(secret)};
}

// Loads the secret of `use`, or makes it when there is no file. What is made is read back before it is used.
absl::StatusOr<Loaded> LoadOrMakeKey(Environment& environment, RootKey& root, Random& random,
                                     const std::string& path, std::string_view use, bool is_x25519) {
  if (!environment.Exists(path)) {
    const SecretKey secret = SecretKey::Make(random);
    TURRET_ASSIGN_OR_RETURN(v1::RootSealed sealed,
                            root.Seal(use, KeyId::Make(random).ToProto(), secret.bytes()));
    if (is_x25519) sealed.set_public_key(ToString(X25519PublicOf(secret)));
    TURRET_RETURN_IF_ERROR(Write(environment, path, sealed));
  }
  TURRET_ASSIGN_OR_RETURN(Loaded loaded, LoadKey(environment, root, path, use));
  if (is_x25519 && loaded.sealed.public_key() != ToString(X25519PublicOf(loaded.secret)))
    return absl::DataLossError(fmt::format("{}: public key is not that of the private one", path));
  return loaded;
}

}  // namespace

absl::StatusOr<std::unique_ptr<KeyTree>> KeyTree::Open(Environment& environment, const std::string& directory,
                                                       RootKey& root, Random& random) {
  for (const char* sub : {"month", "intake", "pairing"})
    TURRET_RETURN_IF_ERROR(environment.CreateDirectories(JoinPath(directory, sub)));
  std::unique_ptr<KeyTree> tree(new KeyTree(environment, directory, root, random));
  const std::string intake = JoinPath(directory, "intake");
  TURRET_ASSIGN_OR_RETURN(const std::vector<std::string> names, environment.List(intake));
  const absl::MutexLock lock(&tree->mutex_);
  for (const std::string& name : names) {
    const std::string day = name.substr(0, name.size() - std::min(name.size(), kSuffix.size()));
    if (name != FileName(day) || !CheckDay(day).ok()) continue;
    TURRET_ASSIGN_OR_RETURN(const v1::RootSealed sealed, Read(environment, JoinPath(intake, name)));
    tree->intake_day_by_id_[sealed.id()] = day;
  }
  return tree;
}

absl::StatusOr<KeyTree::MonthKey> KeyTree::Month(const std::string& book_class, const std::string& month,
                                                 bool create) {
  TURRET_RETURN_IF_ERROR(CheckClassName(book_class));
  TURRET_RETURN_IF_ERROR(CheckMonth(month));
  const std::string path =
      JoinPath(JoinPath(directory_, "month"), FileName(fmt::format("{}-{}", book_class, month)));
  const std::string use = fmt::format("month:{}:{}", book_class, month);
  const absl::MutexLock lock(&mutex_);
  if (!create && !environment_.Exists(path))
    return absl::NotFoundError(fmt::format("no month key of class {} for {}", book_class, month));
  TURRET_ASSIGN_OR_RETURN(Loaded loaded, LoadOrMakeKey(environment_, root_, random_, path, use, false));
  TURRET_ASSIGN_OR_RETURN(const KeyId id, KeyId::FromProto(loaded.sealed.id()));
  return MonthKey{id, std::move(loaded.secret)};
}

absl::StatusOr<v1::IntakeKey> KeyTree::Intake(const std::string& day) {
  TURRET_RETURN_IF_ERROR(CheckDay(day));
  const std::string intake_path = JoinPath(JoinPath(directory_, "intake"), FileName(day));
  const std::string pairing_path = JoinPath(JoinPath(directory_, "pairing"), FileName(day));
  const absl::MutexLock lock(&mutex_);
  TURRET_ASSIGN_OR_RETURN(const Loaded pairing,
                          LoadOrMakeKey(environment_, root_, random_, pairing_path, PairingUse(day), false));
  TURRET_ASSIGN_OR_RETURN(const Loaded pair,
                          LoadOrMakeKey(environment_, root_, random_, intake_path, IntakeUse(day), true));
  intake_day_by_id_[pair.sealed.id()] = day;
  v1::IntakeKey key;
  key.set_key_id(pair.sealed.id());
  key.set_day(day);
  key.set_public_key(pair.sealed.public_key());
  key.set_pairing_key(ToString(pairing.secret.bytes()));
  return key;
}

absl::StatusOr<SecretKey> KeyTree::IntakePrivate(std::string_view key_id) {
  const absl::MutexLock lock(&mutex_);
  const auto found = intake_day_by_id_.find(std::string(key_id));
  if (found == intake_day_by_id_.end()) return absl::NotFoundError("no intake key has this id");
  const std::string path = JoinPath(JoinPath(directory_, "intake"), FileName(found->second));
  TURRET_ASSIGN_OR_RETURN(Loaded loaded, LoadKey(environment_, root_, path, IntakeUse(found->second)));
  return std::move(loaded.secret);
}

absl::StatusOr<SecretKey> KeyTree::Secret(const std::string& use) {
  TURRET_RETURN_IF_ERROR(CheckUse(use));
  const absl::MutexLock lock(&mutex_);
  TURRET_ASSIGN_OR_RETURN(Loaded loaded, LoadOrMakeKey(environment_, root_, random_,
                                                       JoinPath(directory_, FileName(use)), use, false));
  return std::move(loaded.secret);
}

absl::StatusOr<Buffer> KeyTree::LoadBlob(const std::string& use) {
  TURRET_RETURN_IF_ERROR(CheckUse(use));
  const absl::MutexLock lock(&mutex_);
  TURRET_ASSIGN_OR_RETURN(const v1::RootSealed sealed,
                          Read(environment_, JoinPath(directory_, FileName(use))));
  return root_.Open(use, sealed);
}

absl::Status KeyTree::StoreBlob(const std::string& use, Bytes secret) {
  TURRET_RETURN_IF_ERROR(CheckUse(use));
  const absl::MutexLock lock(&mutex_);
  TURRET_ASSIGN_OR_RETURN(const v1::RootSealed sealed,
                          root_.Seal(use, KeyId::Make(random_).ToProto(), secret));
  return Write(environment_, JoinPath(directory_, FileName(use)), sealed);
}

}  // namespace turret
