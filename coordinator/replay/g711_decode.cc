#include "coordinator/replay/g711_decode.h"

#include <array>

#include "absl/strings/match.h"

namespace turret::coordinator {
namespace {

using Table = std::array<int16_t, 256>;

// Even bits come inverted. Segment 0 is linear; each further one doubles the step. Half a step is added: the
// value lies in the middle of its interval.
constexpr int16_t AlawSample(int byte) {
  const int code = byte ^ 0x55;
  const int segment = (code & 0x70) >> 4;
  const int mantissa = code & 0x0F;
  const int magnitude = segment == 0 ? (mantissa << 4) + 8 : ((mantissa << 4) + 0x108) << (segment - 1);
  return static_cast<int16_t>((code & 0x80) != 0 ? magnitude : -magnitude);
}

constexpr int16_t UlawSample(int byte) {
  constexpr int kBias = 0x84;
  const int code = ~byte & 0xFF;
  const int magnitude = ((((code & 0x0F) << 3) + kBias) << ((code & 0x70) >> 4)) - kBias;
  return static_cast<int16_t>((code & 0x80) != 0 ? -magnitude : magnitude);
}

constexpr Table MakeTable(int16_t (*sample)(int)) {
  Table table{};
  for (int byte = 0; byte < 256; ++byte) table[static_cast<size_t>(byte)] = sample(byte);
  return table;
}

constexpr Table kAlaw = MakeTable(AlawSample);
constexpr Table kUlaw = MakeTable(UlawSample);

bool Is(std::string_view codec, const char* name) {
  return absl::EqualsIgnoreCase(absl::string_view(codec.data(), codec.size()), name);
}

}  // namespace

bool IsG711(std::string_view codec) { return Is(codec, "PCMA") || Is(codec, "PCMU"); }

std::vector<int16_t> DecodeG711(std::string_view codec, Bytes payload) {
  const Table& table = Is(codec, "PCMA") ? kAlaw : kUlaw;
  std::vector<int16_t> samples;
  samples.reserve(payload.size());
  for (const uint8_t byte : payload) samples.push_back(table[byte]);
  return samples;
}

}  // namespace turret::coordinator
