// Opens what is sealed: HKDF, AES-256-GCM, scrypt (FORMAT.md, "Sealed box" and "Root file").
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "storage/verify/hash.h"

namespace turret::verify {

using Plain = std::vector<uint8_t>;

/// HKDF-SHA-256, `bytes` long.
Plain Hkdf(View key, View salt, std::string_view info, size_t bytes);
/// AES-256-GCM with the tag at the end of `sealed`. `key_and_nonce` has 44 bytes. Nullopt: it does not open.
std::optional<Plain> OpenGcm(View key_and_nonce, View aad, View sealed);
/// A sealed box. Nullopt: it does not open.
std::optional<Plain> OpenBox(View key, View aad, View box);
/// Nullopt when the parameters ask for more than 1 GiB of memory.
std::optional<Plain> Scrypt(std::string_view passphrase, View salt, uint64_t n, uint64_t r, uint64_t p);
/// X25519 public key of a private one; empty when it is none.
Plain X25519Public(View private_key);

/// Joins the pieces of an AAD.
class Aad {
 public:
  Aad& Text(std::string_view text);
  Aad& U16(uint64_t value) { return Integer(value, 2); }
  Aad& U32(uint64_t value) { return Integer(value, 4); }
  Aad& U64(uint64_t value) { return Integer(value, 8); }
  /// Padded with zeros, or cut, to `bytes`.
  Aad& Padded(std::string_view text, size_t bytes);
  View view() const { return bytes_; }

 private:
  Aad& Integer(uint64_t value, int bytes);
  Plain bytes_;
};

}  // namespace turret::verify
