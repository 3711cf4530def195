// A bag on disk: as a recipient has it, and as a forger works on it.
#pragma once

#include <string>
#include <vector>

#include "coordinator/export/cms.h"
#include "coordinator/export/export.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

namespace turret::test {

class BagFolder {
 public:
  /// What Export hands out goes to files, in `path`.
  explicit BagFolder(std::string path) : path_(std::move(path)) {}
  coordinator::ExportSink Sink();

  std::string Path(const std::string& file) const { return path_ + "/" + file; }
  std::string Read(const std::string& file) const;
  void Write(const std::string& file, const std::string& content) const;
  /// Relative paths, sorted.
  std::vector<std::string> Files() const;
  /// New manifests and signature over the files as they are now: what an insider with the export key can do.
  void SignAgain(const coordinator::ExportSigner& signer) const;

  /// verify.sh under dash, with nothing in its environment but a PATH.
  CommandResult Verify(std::vector<std::string> arguments = {}) const;

 private:
  const std::string path_;
};

}  // namespace turret::test
