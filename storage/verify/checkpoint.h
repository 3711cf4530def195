// Signed tree heads: C2SP checkpoints, Ed25519 (FORMAT.md, "Tree head").
#pragma once

#include <array>
#include <optional>
#include <string>

#include "storage/verify/hash.h"

namespace turret::verify {

using PublicKey = std::array<uint8_t, 32>;

/// Ed25519 public key from PEM (SubjectPublicKeyInfo) or 64 hex digits. Nullopt when it is neither.
std::optional<PublicKey> ReadPublicKey(std::string_view text);

std::string PublicKeyPem(const PublicKey& key);

struct Head {
  std::string origin;
  uint64_t size = 0;
  Hash root{};
};

/// The head in `text`, if it carries a good signature by `key`; else nullopt, and `why` says what is wrong.
/// Strict: what is not needed is not there, so that no bit of the text is free to change.
std::optional<Head> ReadHead(std::string_view text, const PublicKey& key, std::string& why);

}  // namespace turret::verify
