// SHA-256, HMAC and HKDF, by OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string_view>

#include "storage/base/bytes.h"

namespace turret {

inline constexpr size_t kDigestBytes = 32;
using Digest = std::array<uint8_t, kDigestBytes>;

/// SHA-256 of the parts, one after another.
Digest Sha256(std::initializer_list<Bytes> parts);
inline Digest Sha256(Bytes bytes) { return Sha256({bytes}); }

/// SHA-256 of data that comes in pieces. Not thread-safe.
class Sha256Stream {
 public:
  Sha256Stream();
  ~Sha256Stream();
  Sha256Stream(Sha256Stream&&) noexcept;
  Sha256Stream& operator=(Sha256Stream&&) noexcept;
  void Update(Bytes bytes);
  /// Digest of all so far; Update may go on afterwards.
  Digest Peek() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest HmacSha256(Bytes key, Bytes message);

/// HKDF (RFC 5869) with SHA-256: extract with `salt`, expand with `info`, to fill `out` (at most 8,160
/// bytes).
void HkdfSha256(Bytes key, Bytes salt, std::string_view info, std::span<uint8_t> out);

/// The digest in a protobuf field or file; zeros unless `raw` has 32 bytes.
Digest DigestFrom(std::string_view raw);

}  // namespace turret
