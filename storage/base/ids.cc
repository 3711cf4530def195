#include "storage/base/ids.h"

#include <algorithm>

#include "fmt/format.h"

namespace turret::internal {

absl::StatusOr<std::array<uint8_t, kIdBytes>> ParseIdBytes(Bytes raw) {
  if (raw.size() != kIdBytes)
    return absl::InvalidArgumentError(fmt::format("id: {} bytes, want {}", raw.size(), kIdBytes));
  std::array<uint8_t, kIdBytes> id;
  std::copy(raw.begin(), raw.end(), id.begin());
  return id;
}

absl::StatusOr<std::array<uint8_t, kIdBytes>> ParseIdHex(std::string_view hex) {
  const std::optional<Buffer> raw = FromHex(hex);
  if (!raw || raw->size() != kIdBytes)
    return absl::InvalidArgumentError(
        fmt::format("id: want {} hex digits, got {} characters", 2 * kIdBytes, hex.size()));
  return ParseIdBytes(*raw);
}

}  // namespace turret::internal
