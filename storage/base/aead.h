// AES-256-GCM, one message at a time. Declared here, defined in aead_openssl.cc; a test that must show that
// its search for clear text can find any links aead_null.cc instead.
#pragma once

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "storage/base/bytes.h"

namespace turret {

inline constexpr size_t kAeadKeyBytes = 32;
inline constexpr size_t kAeadNonceBytes = 12;
inline constexpr size_t kAeadTagBytes = 16;

/// Appends ciphertext and tag (plaintext.size() + 16 bytes) to `out`. The pair of key and nonce must never
/// seal two messages.
void AeadSeal(Bytes key, Bytes nonce, Bytes aad, Bytes plaintext, Buffer& out);

/// Appends the plaintext to `out`. Errors: DataLoss when `sealed` is not what AeadSeal made with these;
/// nothing is appended then.
[[nodiscard]] absl::Status AeadOpen(Bytes key, Bytes nonce, Bytes aad, Bytes sealed, Buffer& out);

}  // namespace turret
