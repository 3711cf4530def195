// HPKE (RFC 9180), base mode, single shot: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. On OpenSSL's
// primitives; checked with the CFRG's vectors of the RFC for this very suite.
#pragma once

#include <array>

#include "absl/status/statusor.h"
#include "storage/base/bytes.h"
#include "storage/base/random.h"
#include "storage/base/secret.h"

namespace turret {

/// As RFC 7748 encodes it.
using X25519Public = std::array<uint8_t, 32>;

struct X25519Pair {
  SecretKey private_key;
  X25519Public public_key;
};
/// Draws the 32 bytes of the private key.
X25519Pair MakeX25519Pair(Random& random);
X25519Public X25519PublicOf(const SecretKey& private_key);

struct HpkeSealed {
  X25519Public encapsulated_key;
  Buffer ciphertext;  // With tag.
};
/// Draws an ephemeral pair. Errors: InvalidArgument when `recipient` is a low-order point.
absl::StatusOr<HpkeSealed> HpkeSeal(const X25519Public& recipient, std::string_view info, Bytes aad,
                                    Bytes plaintext, Random& random);
/// The plaintext may be a secret: wipe it after use. Errors: DataLoss when it does not open.
absl::StatusOr<Buffer> HpkeOpen(const SecretKey& recipient, const X25519Public& encapsulated_key,
                                std::string_view info, Bytes aad, Bytes ciphertext);

}  // namespace turret
