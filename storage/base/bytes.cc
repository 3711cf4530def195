#include "storage/base/bytes.h"

namespace turret {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

template <class T>
void Store(Buffer& out, T value) {
  for (int shift = 8 * (sizeof(T) - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<uint8_t>(value >> shift));
}

template <class T>
T Load(Bytes at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>((value << 8) | at[i]);
  return value;
}

}  // namespace

std::string ToHex(Bytes bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (uint8_t byte : bytes) {
    hex.push_back(kDigits[byte >> 4]);
    hex.push_back(kDigits[byte & 0x0F]);
  }
  return hex;
}

std::optional<Buffer> FromHex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  Buffer bytes;
  bytes.reserve(hex.size() / 2);
  for (size_t i = 0; i < hex.size(); i += 2) {
    const int high = HexDigit(hex[i]);
    const int low = HexDigit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<uint8_t>(high * 16 + low));
  }
  return bytes;
}

void StoreU16(Buffer& out, uint16_t value) { Store(out, value); }
void StoreU32(Buffer& out, uint32_t value) { Store(out, value); }
void StoreU64(Buffer& out, uint64_t value) { Store(out, value); }
uint16_t LoadU16(Bytes at) { return Load<uint16_t>(at); }
uint32_t LoadU32(Bytes at) { return Load<uint32_t>(at); }
uint64_t LoadU64(Bytes at) { return Load<uint64_t>(at); }

}  // namespace turret
