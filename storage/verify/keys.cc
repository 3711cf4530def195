#include "storage/verify/keys.h"

#include <openssl/crypto.h>

#include "fmt/format.h"
#include "storage/verify/key_files.h"

namespace turret::verify {
namespace {

constexpr size_t kKeyBytes = 32;
constexpr size_t kIdBytes = 16;
constexpr size_t kClassBytes = 16;
constexpr uint8_t kNoSalt[32] = {};

std::optional<Plain> OpenRoot(const std::string& archive, std::string_view passphrase, Report& report) {
  const auto payload = ReadOneRecord(archive, kRootFile, "TRTROOT1", report);
  v1::RootFile root;
  if (!payload || !root.ParseFromString(*payload) || root.kdf() != "scrypt") return std::nullopt;
  const auto derived =
      Scrypt(passphrase, ViewOf(root.salt()), root.scrypt_n(), root.scrypt_r(), root.scrypt_p());
  if (!derived) return std::nullopt;
  Aad aad;
  aad.Text("turret root v1").U64(root.scrypt_n()).U32(root.scrypt_r()).U32(root.scrypt_p()).Text(root.salt());
  return OpenBox(*derived, aad.view(), ViewOf(root.sealed_root()));
}

}  // namespace

std::optional<KeyRing> KeyRing::Open(const std::string& archive, std::string_view passphrase,
                                     Report& report) {
  const std::optional<Plain> root = OpenRoot(archive, passphrase, report);
  if (!root) return std::nullopt;
  KeyRing ring;
  ring.TakeKeyFiles(archive, Hkdf(*root, kNoSalt, "turret root seal v1", kKeyBytes), report);
  return ring;
}

KeyRing::~KeyRing() {
  for (auto& [id, key] : keys_) OPENSSL_cleanse(key.key.data(), key.key.size());
  for (auto& [use, key] : months_) OPENSSL_cleanse(key.data(), key.size());
}

void KeyRing::TakeKeyFiles(const std::string& archive, View root_seal, Report& report) {
  Report scratch;  // CheckKeyFiles tells of files that cannot be read.
  for (const KeyFile& file : ReadKeyFiles(archive, scratch)) {
    const v1::RootSealed& sealed = file.sealed;
    Aad aad;
    aad.U16(sealed.use().size()).Text(sealed.use()).Text(sealed.id());
    const auto secret = OpenBox(root_seal, aad.view(), ViewOf(sealed.sealed()));
    if (!secret)
      report.Add({.file = file.file}, "does not open with the root key");
    else if (sealed.use().starts_with("month:"))
      months_[sealed.use()] = *secret;
    else if (sealed.use().starts_with("intake:") && !Equal(X25519Public(*secret), sealed.public_key()))
      report.Add({.file = file.file}, "holds a public key that is not the private key's");
  }
}

void KeyRing::Take(const Place& place, const v1::BookRecord& record, Report& report) {
  if (record.has_header()) TakeHeader(place, record.header(), report);
  if (record.has_bucket()) TakeBucket(place, record.bucket(), report);
  if (record.has_key()) TakeKey(place, record.key(), report);
}

void KeyRing::TakeHeader(const Place& place, const v1::BookHeader& header, Report& report) {
  book_ = header;
  buckets_.clear();
  day_key_.clear();
  const auto month = months_.find(fmt::format("month:{}:{}", header.book_class(), header.day().substr(0, 7)));
  if (month == months_.end()) return report.Add(place, "the book's month key is missing");
  Aad aad;
  aad.Text("turret day key v1").Text(header.ledger_id()).Text(header.book_id()).Text(header.month_key_id());
  aad.Padded(header.book_class(), kClassBytes).Text(header.day());
  const auto key = OpenBox(month->second, aad.view(), ViewOf(header.wrapped_day_key()));
  if (key && key->size() == kKeyBytes)
    day_key_ = *key;
  else
    report.Add(place, "the book's day key does not open");
}

void KeyRing::TakeBucket(const Place& place, const v1::BucketKey& bucket, Report& report) {
  if (day_key_.empty()) return;
  Aad aad;
  aad.Text("turret bucket key v1").Text(book_.ledger_id()).Text(book_.book_id());
  aad.U32(bucket.bucket()).U32(bucket.generation());
  const auto key = OpenBox(day_key_, aad.view(), ViewOf(bucket.wrapped()));
  if (!key || key->size() != kKeyBytes)
    return report.Add(place, fmt::format("bucket {} does not open", bucket.bucket()));
  const auto known = buckets_.find(bucket.bucket());
  if (bucket.generation() == 0 ||
      (known != buckets_.end() && known->second.generation >= bucket.generation()))
    report.Add(place, fmt::format("bucket {} does not grow in generation", bucket.bucket()));
  buckets_[bucket.bucket()] = {*key, bucket.generation()};
}

void KeyRing::TakeKey(const Place& place, const v1::WrappedKey& key, Report& report) {
  if (day_key_.empty()) return;
  Place at = place;
  at.ids = fmt::format("key {}", Hex(key.key_id()));
  if (key.key_id().size() != kIdBytes) return report.Add(at, "is no key id");
  const auto bucket = buckets_.find(static_cast<uint8_t>(key.key_id()[0]));
  if (bucket == buckets_.end()) return report.Add(at, "the key's bucket does not stand before it");
  Aad aad;
  aad.Text("turret wrapped key v1").Text(book_.ledger_id()).Text(book_.book_id()).Text(key.key_id());
  aad.Padded(key.call_id(), kIdBytes).Padded(key.node_id(), kIdBytes).U32(key.use()).U32(key.generation());
  const auto opened = OpenBox(bucket->second.key, aad.view(), ViewOf(key.wrapped()));
  if (!opened || opened->size() != kKeyBytes) return report.Add(at, "the key does not open");
  if (!keys_.emplace(key.key_id(), UnwrappedKey{*opened, book_.book_id(), key.call_id(), key.use()}).second)
    report.Add(at, "the key id stands in the books twice");
}

const UnwrappedKey* KeyRing::Find(std::string_view key_id) const {
  const auto found = keys_.find(key_id);
  return found == keys_.end() ? nullptr : &found->second;
}

}  // namespace turret::verify
