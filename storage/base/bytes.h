// Byte strings: views, hex, and the big-endian integers that all our formats use.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace turret {

using Bytes = std::span<const uint8_t>;
using Buffer = std::vector<uint8_t>;

inline Bytes AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view AsText(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::string ToString(Bytes bytes) { return std::string(AsText(bytes)); }
inline Buffer ToBuffer(Bytes bytes) { return Buffer(bytes.begin(), bytes.end()); }
inline void Append(Buffer& out, Bytes more) { out.insert(out.end(), more.begin(), more.end()); }

/// Lower-case hex.
std::string ToHex(Bytes bytes);
/// Nullopt unless `hex` is an even number of hex digits.
std::optional<Buffer> FromHex(std::string_view hex);

/// Big-endian integers. The Store functions append; the Load functions need the span to be long enough.
void StoreU16(Buffer& out, uint16_t value);
void StoreU32(Buffer& out, uint32_t value);
void StoreU64(Buffer& out, uint64_t value);
uint16_t LoadU16(Bytes at);
uint32_t LoadU32(Bytes at);
uint64_t LoadU64(Bytes at);

}  // namespace turret
