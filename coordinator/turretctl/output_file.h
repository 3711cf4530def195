// Files that turretctl writes: whole or not at all, never over another one, readable by their owner alone.
#pragma once

#include <fstream>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace turret::turretctl {

/// A file that appears under its name when it is complete. Until then it is called "NAME.part"; it goes with
/// the object unless Complete() was OK. Not thread-safe.
class OutputFile {
 public:
  /// Errors: AlreadyExists (unless `replace`), others with the path.
  static absl::StatusOr<OutputFile> Create(const std::string& path, bool replace);
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;

  [[nodiscard]] absl::Status Write(std::string_view bytes);
  [[nodiscard]] absl::Status Complete();

 private:
  OutputFile(std::string path, std::ofstream stream) : path_(std::move(path)), stream_(std::move(stream)) {}

  std::string path_;  // Empty: moved from, complete, or a device.
  std::ofstream stream_;
};

/// `path` of the server below `folder`. Errors: DataLoss for one that is absolute, empty, has a "..", an
/// empty or hidden part, a backslash or a control character: an export writes below its own folder and
/// nowhere else.
absl::StatusOr<std::string> SafePath(const std::string& folder, std::string_view path);

}  // namespace turret::turretctl
