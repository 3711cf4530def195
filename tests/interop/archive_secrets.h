// What of an archive must stand nowhere in clear, read with its passphrase: keys, and the media that they
// seal.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace turret::test {

struct Secret {
  std::string what;  // "unit key", …
  std::string bytes;
};

/// Of every segment in the volumes: its unit's key, its own key, and a few runs of its media, each shorter
/// than an Opus frame; of each call in `call_ids` (hex): its key. Nobody else may have the archive open.
/// Errors: what is missing.
absl::StatusOr<std::vector<Secret>> SecretsOf(const std::string& archive, const std::string& passphrase,
                                              const std::vector<std::string>& call_ids);

}  // namespace turret::test
