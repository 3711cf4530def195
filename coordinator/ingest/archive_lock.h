// One process an archive: two that write one ledger would fork it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace turret::coordinator {

/// Held until it goes, or the process does. The file `lock` holds no bytes.
class ArchiveLock {
 public:
  /// Errors: FailedPrecondition when another process holds it; Unavailable as the file system.
  static absl::StatusOr<std::unique_ptr<ArchiveLock>> Take(const std::string& directory);
  ~ArchiveLock();
  ArchiveLock(const ArchiveLock&) = delete;
  ArchiveLock& operator=(const ArchiveLock&) = delete;

 private:
  explicit ArchiveLock(int file) : file_(file) {}
  const int file_;
};

}  // namespace turret::coordinator
