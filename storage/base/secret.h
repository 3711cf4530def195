// Key material: wiped when it goes, never printed, never copied by accident.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "storage/base/bytes.h"
#include "storage/base/random.h"

namespace turret {

inline constexpr size_t kSecretKeyBytes = 32;

/// 32 secret bytes. Movable, copied only by Clone(). Not thread-safe.
class SecretKey {
 public:
  SecretKey() = default;  // All zero: of no use but to be assigned to.
  ~SecretKey();
  SecretKey(SecretKey&& other) noexcept;
  SecretKey& operator=(SecretKey&& other) noexcept;
  SecretKey(const SecretKey&) = delete;
  SecretKey& operator=(const SecretKey&) = delete;

  static SecretKey Make(Random& random);
  /// Errors: InvalidArgument unless `raw` has 32 bytes.
  static absl::StatusOr<SecretKey> From(Bytes raw);
  SecretKey Clone() const;

  Bytes bytes() const { return bytes_; }
  std::span<uint8_t> mutable_bytes() { return bytes_; }

 private:
  std::array<uint8_t, kSecretKeyBytes> bytes_{};
};

/// Wipes `bytes` in a way that the compiler does not drop.
void Wipe(std::span<uint8_t> bytes);
void Wipe(std::string& text);

}  // namespace turret
