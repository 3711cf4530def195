#include "coordinator/turretctl/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "fmt/format.h"

namespace turret::turretctl {
namespace {

std::string PartOf(const std::string& path) { return path + ".part"; }

// /dev/null, a pipe: nothing to replace, nothing to rename.
bool IsDevice(const std::string& path) {
  std::error_code ignored;  // What cannot be looked at is told when it is opened.
  const std::filesystem::file_status status = std::filesystem::status(path, ignored);
  return std::filesystem::is_character_file(status) || std::filesystem::is_fifo(status);
}

absl::Status IoError(std::string_view what, const std::string& path) {
  return absl::InternalError(fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}

}  // namespace

absl::StatusOr<OutputFile> OutputFile::Create(const std::string& path, bool replace) {
  if (IsDevice(path)) return OutputFile({}, std::ofstream(path, std::ios::binary));
  std::error_code ignored;
  if (!replace && std::filesystem::exists(std::filesystem::symlink_status(path, ignored)))
    return absl::AlreadyExistsError(
        fmt::format("{} exists: name another file with -o, or move it away", path));
  const std::string part = PartOf(path);
  const int fd = open(part.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0) return IoError("create", part);
  close(fd);
  std::ofstream stream(part, std::ios::binary | std::ios::trunc);
  if (!stream) return IoError("open", part);
  return OutputFile(path, std::move(stream));
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), stream_(std::move(other.stream_)) {}

OutputFile::~OutputFile() {
  if (path_.empty()) return;
  stream_.close();
  std::remove(PartOf(path_).c_str());
}

absl::Status OutputFile::Write(std::string_view bytes) {
  stream_.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return stream_ ? absl::OkStatus() : IoError("write", PartOf(path_));
}

absl::Status OutputFile::Complete() {
  stream_.close();
  if (!stream_) return IoError("write", PartOf(path_));
  if (path_.empty()) return absl::OkStatus();
  if (std::rename(PartOf(path_).c_str(), path_.c_str()) != 0) return IoError("rename to", path_);
  path_.clear();
  return absl::OkStatus();
}

absl::StatusOr<std::string> SafePath(const std::string& folder, std::string_view path) {
  const absl::Status bad = absl::DataLossError(fmt::format(
      "the coordinator named a file outside of the export ({} bytes long): nothing is kept", path.size()));
  for (const char letter : path)
    if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7F || letter == '\\') return bad;
  for (std::string_view rest = path;;) {
    const size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part.front() == '.') return bad;
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  return fmt::format("{}/{}", folder, path);
}

}  // namespace turret::turretctl
