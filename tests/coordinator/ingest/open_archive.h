// An archive at any seam, quickly made.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "coordinator/ingest/archive.h"
#include "storage/key/root.h"

namespace turret::test {

inline constexpr std::string_view kArchivePassphrase = "correct horse battery staple";

/// A cheap root: what a guess costs is not what is tested here.
inline absl::Status MakeCheapRoot(Environment& environment, const std::string& directory, Random& random) {
  const std::string keys = JoinPath(directory, "keys");
  if (absl::Status made = environment.CreateDirectories(keys); !made.ok()) return made;
  const ScryptCost cheap{.n = 16, .r = 8, .p = 1};
  return CreateRootFile(environment, JoinPath(keys, "root.key"), kArchivePassphrase, random, cheap);
}

inline absl::StatusOr<std::unique_ptr<coordinator::Archive>> OpenArchive(const std::string& directory,
                                                                         Environment& environment,
                                                                         Clock& clock, Random& random,
                                                                         CoordinatorMetrics& metrics) {
  return coordinator::Archive::Open({.directory = directory,
                                     .passphrase = std::string(kArchivePassphrase),
                                     .commit_interval = absl::ZeroDuration()},
                                    environment, clock, random, metrics);
}

}  // namespace turret::test
