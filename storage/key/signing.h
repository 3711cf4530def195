// Ed25519 (RFC 8032) signatures, by OpenSSL.
#pragma once

#include <array>

#include "absl/status/statusor.h"
#include "storage/base/bytes.h"
#include "storage/base/secret.h"

namespace turret {

using Ed25519Public = std::array<uint8_t, 32>;
using Ed25519Signature = std::array<uint8_t, 64>;

/// `seed` is the private key of RFC 8032.
Ed25519Public Ed25519PublicOf(const SecretKey& seed);
Ed25519Signature Ed25519Sign(const SecretKey& seed, Bytes message);
bool Ed25519Verify(const Ed25519Public& key, Bytes message, const Ed25519Signature& signature);
/// SubjectPublicKeyInfo PEM, for `openssl pkeyutl -verify`.
std::string Ed25519PublicPem(const Ed25519Public& key);

}  // namespace turret
