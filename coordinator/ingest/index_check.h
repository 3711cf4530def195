// Index against ledger: the coordinator's own check.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/index/index.h"

namespace turret::coordinator {

inline constexpr size_t kDifferencesMax = 1000;

struct IndexComparison {
  uint64_t rows = 0;                     // Of `expected`.
  std::vector<std::string> differences;  // "<family> <key, hex>: missing | unexpected | differs"; bounded.
};
/// Every row of both, key for key. Neither may be written meanwhile.
absl::StatusOr<IndexComparison> CompareIndexes(const Index& expected, const Index& running);

}  // namespace turret::coordinator
