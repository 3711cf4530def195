#include "coordinator/ingest/index_check.h"

#include <map>

#include "fmt/format.h"
#include "storage/base/digest.h"
#include "storage/base/status.h"

namespace turret::coordinator {

absl::StatusOr<IndexComparison> CompareIndexes(const Index& expected, const Index& running) {
  IndexComparison comparison;
  std::map<std::pair<std::string, std::string>, Digest> rows;
  const auto differ = [&](std::string_view family, Bytes key, std::string_view how) {
    if (comparison.differences.size() < kDifferencesMax)
      comparison.differences.push_back(fmt::format("{} {}: {}", family, ToHex(key), how));
  };
  TURRET_RETURN_IF_ERROR(expected.ForEachRow([&](std::string_view family, Bytes key, Bytes value) {
    rows.emplace(std::pair(std::string(family), ToString(key)), Sha256(value));
    return absl::OkStatus();
  }));
  comparison.rows = rows.size();
  TURRET_RETURN_IF_ERROR(running.ForEachRow([&](std::string_view family, Bytes key, Bytes value) {
    const auto found = rows.find(std::pair(std::string(family), ToString(key)));
    if (found == rows.end()) {
      differ(family, key, "unexpected");
    } else {
      if (found->second != Sha256(value)) differ(family, key, "differs");
      rows.erase(found);
    }
    return absl::OkStatus();
  }));
  for (const auto& [name, digest] : rows) differ(name.first, AsBytes(name.second), "missing");
  return comparison;
}

}  // namespace turret::coordinator
