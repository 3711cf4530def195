// The session journal's files. Each is a record file (storage/base/record_file.h) of its own generation:
//
//   sessions-<generation, 16 hex digits> = magic "TRTSESS1" | record*
//   record's payload = sealed box of a JournalEntry; key = node key;
//                      AAD = "turret session journal v1" | generation, u64 | number of the record in its
//                      file, u64
//
// A file begins with a snapshot: every dialog that runs, then the entry that counts them; ports that rest
// follow. Without that entry it is incomplete, and the generation before it counts. A torn tail is ignored,
// and never appended to: who goes on, begins the next generation.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "storage/base/file.h"
#include "storage/base/random.h"
#include "storage/base/record_file.h"
#include "storage/base/secret.h"
#include "turret/v1/journal.pb.h"

namespace turret::node {

std::string JournalPath(const std::string& directory, uint64_t generation);

/// Not thread-safe. `environment`, `key` and `random` must outlive it.
class JournalWriter {
 public:
  /// A new file; its snapshot is the caller's to append and to sync. Errors: as Environment.
  static absl::StatusOr<JournalWriter> Create(Environment& environment ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                              const std::string& directory, uint64_t generation,
                                              const SecretKey& key ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                              Random& random ABSL_ATTRIBUTE_LIFETIME_BOUND);
  /// After an error the file is broken, what was synced before stays good, and the caller goes on in a new
  /// one.
  [[nodiscard]] absl::Status Append(const v1::JournalEntry& entry);
  [[nodiscard]] absl::Status Sync();
  uint64_t size_bytes() const { return file_.size_bytes(); }

 private:
  JournalWriter(RecordWriter file, uint64_t generation, const SecretKey& key, Random& random)
      : file_(std::move(file)), generation_(generation), key_(&key), random_(&random) {}
  RecordWriter file_;
  uint64_t generation_;
  const SecretKey* key_;
  Random* random_;
  uint64_t records_ = 0;
};

struct FoundJournal {
  std::map<std::string, v1::JournaledDialog> dialogs;  // By call id.
  std::optional<uint64_t> settled;                     // The last; nullopt: none was told.
  std::map<uint16_t, int64_t> freed;                   // Media port → since when (UTC, ns).
  uint64_t generation_last = 0;                        // Of any file in the directory.
  std::vector<std::string> files;                      // To remove when a newer one is durable.
  uint64_t unopened = 0;                               // Moved aside as *.unopened.
};

/// What an earlier process left in `directory`. A file of another key, or one that cannot be read, is moved
/// aside. Errors: as Environment.
absl::StatusOr<FoundJournal> ReadJournal(Environment& environment, const std::string& directory,
                                         const SecretKey& key);

}  // namespace turret::node
