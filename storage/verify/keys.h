// The key tree: root file, key files, and the keys wrapped in books. Full mode only, but for the files'
// framing.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "storage/verify/crypto.h"
#include "storage/verify/report.h"
#include "turret/v1/archive.pb.h"

namespace turret::verify {

/// Each file under keys/ is whole: one record, known magic, a name that fits its use.
void CheckKeyFiles(const std::string& archive, Report& report);

struct UnwrappedKey {
  Plain key;
  std::string book_id;
  std::string call_id;
  v1::WrappedKey::Use use;
};

/// All keys of an archive, unwrapped. About 200 bytes a key. Not thread-safe.
class KeyRing {
 public:
  /// Opens keys/root.key, and with it every key file. Nullopt when the passphrase does not open it.
  static std::optional<KeyRing> Open(const std::string& archive, std::string_view passphrase, Report& report);

  /// Takes the records of the books, book by book, in order, and unwraps each key.
  void Take(const Place& place, const v1::BookRecord& record, Report& report);
  /// Null: no such key.
  const UnwrappedKey* Find(std::string_view key_id) const;

  ~KeyRing();
  KeyRing(KeyRing&&) noexcept = default;
  KeyRing& operator=(KeyRing&&) noexcept = default;

 private:
  KeyRing() = default;
  void TakeKeyFiles(const std::string& archive, View root_seal, Report& report);
  void TakeHeader(const Place& place, const v1::BookHeader& header, Report& report);
  void TakeBucket(const Place& place, const v1::BucketKey& bucket, Report& report);
  void TakeKey(const Place& place, const v1::WrappedKey& key, Report& report);

  std::map<std::string, Plain> months_;  // By use; the id stands in front of the key.
  std::map<std::string, UnwrappedKey, std::less<>> keys_;
  v1::BookHeader book_;  // The one being read.
  Plain day_key_;
  struct Bucket {
    Plain key;
    uint32_t generation;
  };
  std::map<uint32_t, Bucket> buckets_;
};

}  // namespace turret::verify
