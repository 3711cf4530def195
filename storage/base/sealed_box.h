// The one way in which small things (wrapped keys, entry bodies, spool blocks) are sealed.
//
//   offset 0   1 byte   version, 1
//          1   1 byte   suite, 1 = HKDF-SHA-256 + AES-256-GCM
//          2  32 bytes  salt, random
//         34   n bytes  ciphertext
//       34+n  16 bytes  tag
//
// HKDF(key, salt, "turret sealed box v1") gives 44 bytes: AES key (32), nonce (12). A fresh salt for each
// box, so one key may seal any number of them. The AAD given by the caller is prefixed with the first 34
// bytes.
#pragma once

#include "absl/status/statusor.h"
#include "storage/base/bytes.h"
#include "storage/base/random.h"
#include "storage/base/secret.h"

namespace turret {

inline constexpr size_t kSealedBoxOverheadBytes = 2 + 32 + 16;

/// Seals `plaintext` under `key`, bound to `aad`.
Buffer SealBox(const SecretKey& key, Bytes aad, Bytes plaintext, Random& random);

/// The same, appended to `out`: for who uses one buffer again and again.
void AppendSealedBox(const SecretKey& key, Bytes aad, Bytes plaintext, Random& random, Buffer& out);

/// Errors: DataLoss when the box does not open with this key and `aad`.
absl::StatusOr<Buffer> OpenBox(const SecretKey& key, Bytes aad, Bytes box);

/// The same for a wrapped 32-byte key.
absl::StatusOr<SecretKey> OpenKeyBox(const SecretKey& key, Bytes aad, Bytes box);

}  // namespace turret
