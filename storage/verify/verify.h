// One run over an archive.
#pragma once

#include <optional>
#include <string>

#include "storage/verify/checkpoint.h"
#include "storage/verify/report.h"

namespace turret::verify {

struct Options {
  std::string archive;
  PublicKey key{};
  std::optional<Head> trusted;            // None: freshness stays unproven.
  std::optional<std::string> passphrase;  // None: hashes only.
  bool at_rest = false;  // Nobody is writing: what is newer than the newest head is a finding.
};

struct Outcome {
  std::optional<Head> newest;     // Of the archive.
  bool passphrase_opened = true;  // False: the run stopped there.
};

/// Checks everything, and goes on after an error.
Outcome Verify(const Options& options, Report& report);

}  // namespace turret::verify
