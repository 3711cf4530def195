// The storage seam: every byte that we put on a disk passes through an Environment, so that tests can crash,
// fill, slow and fail it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/base/bytes.h"

namespace turret {

/// A file open for appending. Not thread-safe.
class AppendFile {
 public:
  virtual ~AppendFile() = default;
  /// Writes all of `bytes` at the end. On return they are in the page cache, not durable.
  [[nodiscard]] virtual absl::Status Append(Bytes bytes) = 0;
  /// fdatasync. After an error nothing since the last good Sync may be trusted, and it is never retried here:
  /// the caller writes what it has into a new file.
  [[nodiscard]] virtual absl::Status Sync() = 0;
  virtual uint64_t size_bytes() const = 0;
  /// Gives back room that was set aside and not used.
  [[nodiscard]] virtual absl::Status Close() = 0;
};

/// A file open for reading at any offset. Thread-safe.
class ReadFile {
 public:
  virtual ~ReadFile() = default;
  /// Reads up to `bytes` at `offset`; shorter only at the end of the file.
  virtual absl::StatusOr<Buffer> ReadAt(uint64_t offset, size_t bytes) const = 0;
  virtual absl::StatusOr<uint64_t> SizeBytes() const = 0;
};

/// How far the file system protects a file: ext4, xfs and btrfs know both flags, and setting them needs
/// CAP_LINUX_IMMUTABLE.
enum class Protection { kNone, kAppendOnly, kImmutable };

/// The file system. Thread-safe. Errors carry the path and errno's text; a missing file is NotFound, a full
/// disk ResourceExhausted.
class Environment {
 public:
  virtual ~Environment() = default;
  /// Creates a new file (mode 0600) for appending; AlreadyExists when it exists. Its directory entry is
  /// durable only after SyncDirectory.
  virtual absl::StatusOr<std::unique_ptr<AppendFile>> CreateForAppend(const std::string& path) = 0;
  /// As CreateForAppend, with room for `bytes` set aside on the disk: the file is that long at once and reads
  /// as zeros, Append writes from its beginning (and past the room when it must), size_bytes() counts what
  /// was appended. Syncs are then cheap. ResourceExhausted when there is no room.
  virtual absl::StatusOr<std::unique_ptr<AppendFile>> CreatePreallocated(const std::string& path,
                                                                         uint64_t bytes) = 0;
  /// Opens an existing file for appending at its end.
  virtual absl::StatusOr<std::unique_ptr<AppendFile>> OpenForAppend(const std::string& path) = 0;
  virtual absl::StatusOr<std::unique_ptr<ReadFile>> OpenForRead(const std::string& path) = 0;
  virtual absl::StatusOr<Buffer> ReadAll(const std::string& path) = 0;
  /// Replaces `path` as a whole: temporary file (`path`.tmp), sync, rename, sync of the directory. Durable on
  /// return. One writer a path.
  [[nodiscard]] virtual absl::Status WriteAtomically(const std::string& path, Bytes bytes) = 0;
  /// Creates the directory and its parents, mode 0700, durable on return. OK when it exists.
  [[nodiscard]] virtual absl::Status CreateDirectories(const std::string& path) = 0;
  [[nodiscard]] virtual absl::Status SyncDirectory(const std::string& path) = 0;
  /// Names (not paths) in the directory, sorted; empty when it does not exist.
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& directory) = 0;
  virtual bool Exists(const std::string& path) = 0;
  [[nodiscard]] virtual absl::Status Remove(const std::string& path) = 0;
  /// Within one directory, replacing `to`; durable on return.
  [[nodiscard]] virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  /// For a file that another process, or a failed Sync, left behind: syncs it and drops it from the page
  /// cache, so that what is read next is what the disk holds, not what it was meant to hold. Drops it also
  /// when the sync fails.
  [[nodiscard]] virtual absl::Status SyncAndForget(const std::string& path) = 0;
  /// Sets the flag. Unimplemented when the file system has none, PermissionDenied without the privilege:
  /// callers record which protection a file really has and go on.
  [[nodiscard]] virtual absl::Status Protect(const std::string& path, Protection protection) = 0;
  virtual absl::StatusOr<Protection> ReadProtection(const std::string& path) = 0;
};

/// The real file system.
class PosixEnvironment final : public Environment {
 public:
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
};

/// "a/b" of "a" and "b".
std::string JoinPath(std::string_view directory, std::string_view name);
/// "a" of "a/b", "." of "b".
std::string DirectoryOf(const std::string& path);

}  // namespace turret
