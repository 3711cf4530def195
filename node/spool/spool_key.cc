#include "absl/status/status.h"
#include "fmt/format.h"
#include "node/spool/spool.h"
#include "storage/base/status.h"

namespace turret::node {

absl::StatusOr<SecretKey> LoadOrMakeNodeKey(Environment& environment, const std::string& path,
                                            Random& random) {
  absl::StatusOr<Buffer> stored = environment.ReadAll(path);
  if (stored.ok()) {
    absl::StatusOr<SecretKey> key = SecretKey::From(*stored);
    Wipe(*stored);
    if (!key.ok())
      return absl::DataLossError(
          fmt::format("node key {}: {} bytes, want {}; with a key lost, move the file away: the "
                      "spool that it sealed is then kept aside, unopened",
                      path, stored->size(), kSecretKeyBytes));
    return key;
  }
  if (!absl::IsNotFound(stored.status())) return stored.status();
  SecretKey key = SecretKey::Make(random);
  TURRET_RETURN_IF_ERROR(environment.CreateDirectories(DirectoryOf(path)));
  TURRET_RETURN_IF_ERROR(environment.WriteAtomically(path, key.bytes()));
  return key;
}

}  // namespace turret::node
