#include "storage/verify/folder.h"

#include <algorithm>
#include <filesystem>

#include "fmt/format.h"

namespace turret::verify {
namespace fs = std::filesystem;

namespace {

constexpr uint64_t kReplacementBytesMax = uint64_t{64} << 10;

// What is replaced as a whole is first written beside itself; a crash leaves that file.
bool IsReplacement(const std::string& archive, std::string_view file) {
  if (!file.ends_with(".tmp")) return false;
  file.remove_suffix(4);
  std::error_code error;
  const uint64_t bytes = fs::file_size(fs::path(archive) / (std::string(file) + ".tmp"), error);
  const bool replaced = file == "ledger/checkpoint" || file == "ledger/public.pem" ||
                        (file.starts_with("keys/") && file.ends_with(".key"));
  return replaced && (error || bytes <= kReplacementBytesMax);
}

}  // namespace

std::vector<std::string> FilesUnder(const std::string& archive, const std::string& folder, Report& report) {
  std::vector<std::string> files;
  std::error_code error;
  const fs::path top = fs::path(archive) / folder;
  if (!fs::exists(top, error)) return files;
  fs::recursive_directory_iterator walk(top, error);
  for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
    const std::string file = walk->path().lexically_relative(archive).string();
    std::error_code gone;
    const fs::file_status status = walk->symlink_status(gone);
    if (status.type() == fs::file_type::not_found) continue;
    if (IsReplacement(archive, file))
      report.Note(file + ": a replacement that is being written, or was left by a crash");
    else if (fs::is_regular_file(status))
      files.push_back(file);
    else if (!fs::is_directory(status))
      report.Add({.file = file}, "is neither file nor folder");
  }
  if (error) report.Add({.file = folder}, fmt::format("cannot be listed: {}", error.message()));
  std::ranges::sort(files);
  return files;
}

void CheckTopLevel(const std::string& archive, Report& report) {
  static const std::vector<std::string> kKnown = {"books", "index",  "index-check",
                                                  "keys",  "ledger", "volumes"};
  std::error_code error;
  fs::directory_iterator walk(archive, error);
  for (; !error && walk != fs::directory_iterator(); walk.increment(error)) {
    const std::string name = walk->path().filename().string();
    if (name == "lock" && fs::is_regular_file(walk->symlink_status(error)) &&
        fs::file_size(walk->path(), error) == 0)
      continue;  // Of the program that holds the archive open; says nothing.
    if (std::ranges::find(kKnown, name) == kKnown.end() || !fs::is_directory(walk->symlink_status(error)))
      report.Add({.file = name}, "is not part of an archive");
  }
  if (error) report.Add({}, fmt::format("cannot be listed: {}", error.message()));
}

}  // namespace turret::verify
