// Tree heads as C2SP checkpoints (signed notes): https://c2sp.org/tlog-checkpoint,
// https://c2sp.org/signed-note.
//
//   <origin>\n<size>\n<base64 root>\n\n— <key name> <base64(key hash, 4 bytes | Ed25519 signature, 64
//   bytes)>\n key hash = first 4 bytes of SHA-256(key name | 0x0A | 0x01 | public key)
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "storage/base/digest.h"
#include "storage/base/secret.h"
#include "storage/key/signing.h"

namespace turret {

struct Checkpoint {
  std::string origin;  // "turret-recorder/<ledger id, hex>".
  uint64_t size = 0;
  Digest root{};
};

std::string SignCheckpoint(const Checkpoint& checkpoint, const SecretKey& seed);
/// Errors: InvalidArgument (no checkpoint), PermissionDenied (no valid signature by `key`).
absl::StatusOr<Checkpoint> ReadCheckpoint(std::string_view text, const Ed25519Public& key);
/// The text that the signature covers: everything up to and including the newline before the empty line.
absl::StatusOr<std::string> SignedText(std::string_view text);

}  // namespace turret
