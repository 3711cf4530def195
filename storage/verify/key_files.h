// One-record files under keys/ (FORMAT.md, "Key files").
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "storage/verify/report.h"
#include "turret/v1/archive.pb.h"

namespace turret::verify {

inline constexpr const char* kRootFile = "keys/root.key";

/// The payload of a file with exactly one record. Nullopt, with a finding, for anything else.
std::optional<std::string> ReadOneRecord(const std::string& archive, const std::string& file,
                                         std::string_view magic, Report& report);

struct KeyFile {
  std::string file;
  v1::RootSealed sealed;
};
/// All key files but the root's that can be read; what is wrong with the others, or with a name, is a
/// finding.
std::vector<KeyFile> ReadKeyFiles(const std::string& archive, Report& report);

}  // namespace turret::verify
