// A disk that fails when told to, and loses on a power cut what was not synced.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "storage/base/file.h"
#include "storage/base/random.h"

namespace turret::test {

/// Thread-safe, as an Environment is. `base` must outlive it.
class FaultyEnvironment final : public Environment {
 public:
  enum class Operation { kCreate, kWrite, kSync, kSyncDirectory, kRename, kRead, kRemove, kProtect };

  explicit FaultyEnvironment(Environment& base) : base_(base) {}

  /// The `nth` operation from now (1: the next one) fails once. A failing write leaves half of its bytes.
  void FailNth(Operation operation, uint64_t nth,
               absl::Status error = absl::InternalError("injected: Input/output error"));
  /// Every such operation fails, until Repair.
  void Break(Operation operation, absl::Status error = absl::InternalError("injected: Input/output error"));
  void Repair();
  /// How many there were.
  uint64_t count(Operation operation) const;

  /// What a power cut leaves: of each file's bytes behind its last good sync only a part, by `random`. Files
  /// opened before must not be used again.
  void PowerCut(Random& random);

  absl::StatusOr<std::unique_ptr<AppendFile>> CreateForAppend(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<AppendFile>> CreatePreallocated(const std::string& path,
                                                                 uint64_t bytes) override;
  absl::StatusOr<std::unique_ptr<AppendFile>> OpenForAppend(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<ReadFile>> OpenForRead(const std::string& path) override;
  absl::StatusOr<Buffer> ReadAll(const std::string& path) override;
  absl::Status WriteAtomically(const std::string& path, Bytes bytes) override;
  absl::Status CreateDirectories(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override;
  bool Exists(const std::string& path) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status SyncAndForget(const std::string& path) override;
  absl::Status Protect(const std::string& path, Protection protection) override;
  absl::StatusOr<Protection> ReadProtection(const std::string& path) override;

 private:
  class File;
  class Reader;
  struct Fault {
    uint64_t at = 0;  // 0: none.
    absl::Status error;
    absl::Status broken;
  };
  struct Written {
    uint64_t size_bytes = 0;
    uint64_t synced_bytes = 0;
    uint64_t set_aside_bytes = 0;
    bool sync_failed = false;
  };

  absl::Status Do(Operation operation);
  void CutTo(const std::string& path, uint64_t bytes, uint64_t set_aside_bytes);
  absl::StatusOr<std::unique_ptr<AppendFile>> Wrap(const std::string& path, uint64_t set_aside_bytes,
                                                   absl::StatusOr<std::unique_ptr<AppendFile>> file);

  Environment& base_;
  mutable std::mutex mutex_;
  std::map<Operation, Fault> faults_;
  std::map<Operation, uint64_t> counts_;
  std::map<std::string, Written> written_;
};

}  // namespace turret::test
