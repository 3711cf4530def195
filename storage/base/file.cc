#include "storage/base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "fmt/format.h"
#include "storage/base/status.h"

namespace turret {
namespace {

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
      return absl::StatusCode::kResourceExhausted;
    case EPERM:
    case EACCES:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case ENOTTY:
    case EOPNOTSUPP:
    case ENOSYS:
      return absl::StatusCode::kUnimplemented;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::Status Failed(std::string_view what, const std::string& path, int error) {
  char text[128];
  return absl::Status(CodeOf(error),
                      fmt::format("{} {}: {}", what, path, strerror_r(error, text, sizeof text)));
}

template <class Call>
auto Retry(Call call) {
  decltype(call()) result;
  do result = call();
  while (result < 0 && errno == EINTR);
  return result;
}

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

absl::StatusOr<Descriptor> Open(const std::string& path, int flags) {
  const int fd = Retry([&] { return open(path.c_str(), flags | O_CLOEXEC, 0600); });
  if (fd < 0) return Failed("open", path, errno);
  return Descriptor(fd);
}

absl::StatusOr<uint64_t> SizeOf(const Descriptor& file, const std::string& path) {
  struct stat about;
  if (fstat(file.get(), &about) != 0) return Failed("stat", path, errno);
  return static_cast<uint64_t>(about.st_size);
}

absl::StatusOr<Buffer> ReadRange(int fd, const std::string& path, uint64_t offset, size_t bytes) {
  Buffer out(bytes);
  size_t done = 0;
  while (done < bytes) {
    const ssize_t got =
        Retry([&] { return pread(fd, out.data() + done, bytes - done, static_cast<off_t>(offset + done)); });
    if (got < 0) return Failed("read", path, errno);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  out.resize(done);
  return out;
}

constexpr uint64_t kWriteEarlyBytes = uint64_t{256} * 1024;

enum class WriteMode { kAppend, kInPlace };  // kInPlace: over room set aside before.

class PosixAppendFile final : public AppendFile {
 public:
  PosixAppendFile(Descriptor file, std::string path, uint64_t size_bytes, WriteMode mode)
      : file_(std::move(file)), path_(std::move(path)), size_bytes_(size_bytes), mode_(mode) {}

  absl::Status Append(Bytes bytes) override {
    const uint64_t begin = size_bytes_;
    while (!bytes.empty()) {
      const ssize_t wrote = Retry([&] {
        return mode_ == WriteMode::kAppend
                   ? write(file_.get(), bytes.data(), bytes.size())
                   : pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(size_bytes_));
      });
      if (wrote < 0) return Failed("write", path_, errno);
      size_bytes_ += static_cast<uint64_t>(wrote);
      bytes = bytes.subspan(static_cast<size_t>(wrote));
    }
    // The disk begins while the caller makes what comes next. A hint: errors are for Sync to tell.
    if (mode_ == WriteMode::kInPlace && size_bytes_ - begin >= kWriteEarlyBytes)
      sync_file_range(file_.get(), static_cast<off_t>(begin), static_cast<off_t>(size_bytes_ - begin),
                      SYNC_FILE_RANGE_WRITE);
    return absl::OkStatus();
  }

  // EINTR included: what an interrupted fdatasync has written back is not known.
  absl::Status Sync() override {
    if (fdatasync(file_.get()) != 0) return Failed("fdatasync", path_, errno);
    return absl::OkStatus();
  }

  uint64_t size_bytes() const override { return size_bytes_; }

  absl::Status Close() override {
    if (mode_ == WriteMode::kInPlace && ftruncate(file_.get(), static_cast<off_t>(size_bytes_)) != 0)
      return Failed("give back room of", path_, errno);
    const int fd = file_.Release();
    if (fd >= 0 && close(fd) != 0) return Failed("close", path_, errno);
    return absl::OkStatus();
  }

 private:
  Descriptor file_;
  const std::string path_;
  uint64_t size_bytes_;
  const WriteMode mode_;
};

class PosixReadFile final : public ReadFile {
 public:
  PosixReadFile(Descriptor file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  absl::StatusOr<Buffer> ReadAt(uint64_t offset, size_t bytes) const override {
    return ReadRange(file_.get(), path_, offset, bytes);
  }
  absl::StatusOr<uint64_t> SizeBytes() const override { return SizeOf(file_, path_); }

 private:
  const Descriptor file_;
  const std::string path_;
};

absl::StatusOr<int> ReadFlags(const Descriptor& file, const std::string& path) {
  int flags = 0;
  if (ioctl(file.get(), FS_IOC_GETFLAGS, &flags) != 0) return Failed("read flags of", path, errno);
  return flags;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AppendFile>> PosixEnvironment::CreateForAppend(const std::string& path) {
  TURRET_ASSIGN_OR_RETURN(Descriptor file, Open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL));
  return std::make_unique<PosixAppendFile>(std::move(file), path, 0, WriteMode::kAppend);
}

absl::StatusOr<std::unique_ptr<AppendFile>> PosixEnvironment::CreatePreallocated(const std::string& path,
                                                                                 uint64_t bytes) {
  TURRET_ASSIGN_OR_RETURN(Descriptor file, Open(path, O_WRONLY | O_CREAT | O_EXCL));
  if (const int error = posix_fallocate(file.get(), 0, static_cast<off_t>(bytes)); error != 0) {
    unlink(path.c_str());
    return Failed("set room aside for", path, error);
  }
  return std::make_unique<PosixAppendFile>(std::move(file), path, 0, WriteMode::kInPlace);
}

absl::StatusOr<std::unique_ptr<AppendFile>> PosixEnvironment::OpenForAppend(const std::string& path) {
  TURRET_ASSIGN_OR_RETURN(Descriptor file, Open(path, O_WRONLY | O_APPEND));
  TURRET_ASSIGN_OR_RETURN(const uint64_t size_bytes, SizeOf(file, path));
  return std::make_unique<PosixAppendFile>(std::move(file), path, size_bytes, WriteMode::kAppend);
}

absl::StatusOr<std::unique_ptr<ReadFile>> PosixEnvironment::OpenForRead(const std::string& path) {
  TURRET_ASSIGN_OR_RETURN(Descriptor file, Open(path, O_RDONLY));
  return std::make_unique<PosixReadFile>(std::move(file), path);
}

absl::StatusOr<Buffer> PosixEnvironment::ReadAll(const std::string& path) {
  TURRET_ASSIGN_OR_RETURN(Descriptor file, Open(path, O_RDONLY));
  TURRET_ASSIGN_OR_RETURN(const uint64_t size_bytes, SizeOf(file, path));
  return ReadRange(file.get(), path, 0, size_bytes);
}

absl::Status PosixEnvironment::WriteAtomically(const std::string& path, Bytes bytes) {
  const std::string temporary = path + ".tmp";
  TURRET_ASSIGN_OR_RETURN(Descriptor opened, Open(temporary, O_WRONLY | O_CREAT | O_TRUNC));
  PosixAppendFile file(std::move(opened), temporary, 0, WriteMode::kInPlace);
  TURRET_RETURN_IF_ERROR(file.Append(bytes));
  TURRET_RETURN_IF_ERROR(file.Sync());
  TURRET_RETURN_IF_ERROR(file.Close());
  return Rename(temporary, path);
}

absl::Status PosixEnvironment::CreateDirectories(const std::string& path) {
  if (path.empty() || Exists(path)) return absl::OkStatus();
  const std::string parent = DirectoryOf(path);
  if (parent != path) TURRET_RETURN_IF_ERROR(CreateDirectories(parent));
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return Failed("create directory", path, errno);
  return SyncDirectory(parent);
}

absl::Status PosixEnvironment::SyncDirectory(const std::string& path) {
  TURRET_ASSIGN_OR_RETURN(Descriptor directory, Open(path, O_RDONLY | O_DIRECTORY));
  if (fsync(directory.get()) != 0) return Failed("fsync directory", path, errno);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> PosixEnvironment::List(const std::string& directory) {
  std::vector<std::string> names;
  DIR* const handle = opendir(directory.c_str());
  if (handle == nullptr && errno == ENOENT) return names;
  if (handle == nullptr) return Failed("list", directory, errno);
  errno = 0;
  while (const dirent* const entry = readdir(handle)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  const int error = errno;
  closedir(handle);
  if (error != 0) return Failed("list", directory, error);
  std::sort(names.begin(), names.end());
  return names;
}

bool PosixEnvironment::Exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

absl::Status PosixEnvironment::Remove(const std::string& path) {
  if (unlink(path.c_str()) != 0) return Failed("remove", path, errno);
  return absl::OkStatus();
}

absl::Status PosixEnvironment::Rename(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) return Failed("rename to", to, errno);
  return SyncDirectory(DirectoryOf(to));
}

absl::Status PosixEnvironment::SyncAndForget(const std::string& path) {
  TURRET_ASSIGN_OR_RETURN(Descriptor file, Open(path, O_RDONLY));
  const absl::Status synced =
      fdatasync(file.get()) != 0 ? Failed("fdatasync", path, errno) : absl::OkStatus();
  posix_fadvise(file.get(), 0, 0, POSIX_FADV_DONTNEED);  // Advice: pages that others map stay.
  return synced;
}

absl::Status PosixEnvironment::Protect(const std::string& path, Protection protection) {
  TURRET_ASSIGN_OR_RETURN(Descriptor file, Open(path, O_RDONLY));
  TURRET_ASSIGN_OR_RETURN(int flags, ReadFlags(file, path));
  flags &= ~(FS_APPEND_FL | FS_IMMUTABLE_FL);
  if (protection == Protection::kAppendOnly) flags |= FS_APPEND_FL;
  if (protection == Protection::kImmutable) flags |= FS_IMMUTABLE_FL;
  if (ioctl(file.get(), FS_IOC_SETFLAGS, &flags) != 0) return Failed("set flags of", path, errno);
  return absl::OkStatus();
}

absl::StatusOr<Protection> PosixEnvironment::ReadProtection(const std::string& path) {
  TURRET_ASSIGN_OR_RETURN(Descriptor file, Open(path, O_RDONLY));
  TURRET_ASSIGN_OR_RETURN(const int flags, ReadFlags(file, path));
  if ((flags & FS_IMMUTABLE_FL) != 0) return Protection::kImmutable;
  return (flags & FS_APPEND_FL) != 0 ? Protection::kAppendOnly : Protection::kNone;
}

std::string JoinPath(std::string_view directory, std::string_view name) {
  if (directory.empty()) return std::string(name);
  return fmt::format("{}{}{}", directory, directory.ends_with('/') ? "" : "/", name);
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace turret
