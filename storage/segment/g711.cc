#include "storage/segment/g711.h"

#include <array>

#include "absl/strings/match.h"

namespace turret {
namespace {

constexpr int16_t DecodeALaw(uint8_t code) {
  code ^= 0x55;
  const int exponent = (code >> 4) & 7;
  const int mantissa = code & 0x0F;
  const int magnitude = exponent == 0 ? (mantissa << 4) + 8 : ((mantissa << 4) + 0x108) << (exponent - 1);
  return static_cast<int16_t>((code & 0x80) != 0 ? magnitude : -magnitude);
}

constexpr int16_t DecodeMuLaw(uint8_t code) {
  code = static_cast<uint8_t>(~code);
  const int exponent = (code >> 4) & 7;
  const int mantissa = code & 0x0F;
  const int magnitude = (((mantissa << 3) + 0x84) << exponent) - 0x84;
  return static_cast<int16_t>((code & 0x80) != 0 ? -magnitude : magnitude);
}

template <int16_t (*decode)(uint8_t)>
constexpr std::array<int16_t, 256> MakeTable() {
  std::array<int16_t, 256> table{};
  for (int code = 0; code < 256; ++code)
    table[static_cast<size_t>(code)] = decode(static_cast<uint8_t>(code));
  return table;
}

constexpr std::array<int16_t, 256> kALawTable = MakeTable<DecodeALaw>();
constexpr std::array<int16_t, 256> kMuLawTable = MakeTable<DecodeMuLaw>();

const std::array<int16_t, 256>& TableOf(G711Law law) {
  return law == G711Law::kALaw ? kALawTable : kMuLawTable;
}

}  // namespace

bool IsG711(std::string_view codec, G711Law& law) {
  const absl::string_view name(codec.data(), codec.size());
  law = absl::EqualsIgnoreCase(name, "PCMA") ? G711Law::kALaw : G711Law::kMuLaw;
  return law == G711Law::kALaw || absl::EqualsIgnoreCase(name, "PCMU");
}

int16_t DecodeG711(G711Law law, uint8_t code) { return TableOf(law)[code]; }

void DecodeG711(G711Law law, Bytes payload, std::vector<int16_t>& samples) {
  const std::array<int16_t, 256>& table = TableOf(law);
  samples.reserve(samples.size() + payload.size());
  for (uint8_t code : payload) samples.push_back(table[code]);
}

}  // namespace turret
