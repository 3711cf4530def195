// Opening an archive in the order that recovery needs: root, key tree, ledger, books, index, volumes. What a
// crash left between two of them is made whole here, before the first new item is taken.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/ingest/archive.h"
#include "coordinator/ingest/archive_parts.h"

namespace turret::coordinator {

struct OpenedArchive {
  std::unique_ptr<ArchiveParts> parts;
  std::set<std::string> intake_keys_known;  // Public keys that have an entry.
};

/// Errors: DataLoss when books or ledger hold less than was acknowledged: ingest must not start. A volume
/// that does is an alarm and a metric, and stays as it is: what comes must be recorded all the same.
absl::StatusOr<OpenedArchive> OpenArchive(const ArchiveOptions& options, Environment& environment,
                                          Clock& clock, Random& random, CoordinatorMetrics& metrics);

}  // namespace turret::coordinator
