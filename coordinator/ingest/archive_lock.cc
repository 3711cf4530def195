#include "coordinator/ingest/archive_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "fmt/format.h"

namespace turret::coordinator {

absl::StatusOr<std::unique_ptr<ArchiveLock>> ArchiveLock::Take(const std::string& directory) {
  const std::string path = directory + "/lock";
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) return absl::UnavailableError(fmt::format("{}: {}", path, std::strerror(errno)));
  if (flock(file, LOCK_EX | LOCK_NB) == 0) return std::unique_ptr<ArchiveLock>(new ArchiveLock(file));
  close(file);
  return absl::FailedPreconditionError(
      fmt::format("{}: another process has the archive open; stop it first", directory));
}

ArchiveLock::~ArchiveLock() { close(file_); }

}  // namespace turret::coordinator
