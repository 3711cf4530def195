// The long-lived part of the key tree, in one directory: month keys, intake keys, signing keys, each a file
// with a RootSealed message. Below a month key: day key → bucket key → unit key, which lie in key books
// (key_book.h).
//
//   keys/month/<class>-<yyyy-mm>.key   keys/intake/<yyyy-mm-dd>.key   keys/pairing/<yyyy-mm-dd>.key
//   keys/<use>.key
#pragma once

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage/base/file.h"
#include "storage/base/ids.h"
#include "storage/key/hpke.h"
#include "storage/key/root.h"
#include "turret/v1/replication.pb.h"

namespace turret {

/// Thread-safe. `environment`, `root` and `random` must outlive it.
class KeyTree {
 public:
  static absl::StatusOr<std::unique_ptr<KeyTree>> Open(Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                                       const std::string& directory,
                                                       RootKey& root ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                                       Random& random ABSL_ATTRIBUTE_LIFETIME_BOUND);

  struct MonthKey {
    KeyId id;
    SecretKey key;
  };
  /// Month key of a book class for "yyyy-mm", made when missing (durable on return) if `create`.
  /// Errors: NotFound when missing and not `create`.
  absl::StatusOr<MonthKey> Month(const std::string& book_class, const std::string& month, bool create);

  /// Intake key pair and pairing key of a day, made when missing (durable on return). What a node is told.
  absl::StatusOr<v1::IntakeKey> Intake(const std::string& day);
  /// Errors: NotFound when no intake key has this id.
  absl::StatusOr<SecretKey> IntakePrivate(std::string_view key_id);

  /// A 32-byte secret for one use ("ledger-signing", …), made when missing.
  absl::StatusOr<SecretKey> Secret(const std::string& use);
  /// A larger secret (a PEM private key) for one use. Errors: NotFound.
  absl::StatusOr<Buffer> LoadBlob(const std::string& use);
  [[nodiscard]] absl::Status StoreBlob(const std::string& use, Bytes secret);

  RootKey& root() { return root_; }

 private:
  KeyTree(Environment& environment, std::string directory, RootKey& root, Random& random)
      : environment_(environment), directory_(std::move(directory)), root_(root), random_(random) {}

  Environment& environment_;
  const std::string directory_;
  RootKey& root_;
  Random& random_;
  absl::Mutex mutex_;  // Guards the files in directory_ against two makers, and the map.
  std::map<std::string, std::string> intake_day_by_id_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace turret
