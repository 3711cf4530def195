// The storage seam with an eye on it: no failure of a disk goes unseen, also where the caller can do without.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/attributes.h"
#include "storage/base/file.h"

namespace turret {

/// Passes everything on to `base`, and tells `failed` of each operation that failed: "create", "write",
/// "sync", "rename", "remove", "read", and why. What is an answer and no failure is not told: a file that is
/// not there, or is there already, and flags that the file system does not know. Thread-safe; so must
/// `failed` be.
class WatchedEnvironment final : public Environment {
 public:
  using Failed = std::function<void(std::string_view operation, const absl::Status& why)>;
  WatchedEnvironment(Environment& base ABSL_ATTRIBUTE_LIFETIME_BOUND, Failed failed)
      : base_(base), failed_(std::move(failed)) {}

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
  absl::Status Watch(std::string_view operation, absl::Status status) const;
  template <class Value>
  absl::StatusOr<Value> Watch(std::string_view operation, absl::StatusOr<Value> value) const;
  absl::StatusOr<std::unique_ptr<AppendFile>> Wrap(absl::StatusOr<std::unique_ptr<AppendFile>> file);

  Environment& base_;
  const Failed failed_;
};

}  // namespace turret
