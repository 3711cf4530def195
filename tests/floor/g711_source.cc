#include "tests/floor/g711_source.h"

#include <algorithm>
#include <cstdlib>

namespace turret::floor {
namespace {

constexpr int kMuBias = 0x84;
constexpr int kMuClip = 32635;

uint8_t EncodeMu(int16_t sample) {
  const int sign = sample < 0 ? 0x80 : 0;
  const int magnitude = std::min(std::abs(int{sample}), kMuClip) + kMuBias;
  int exponent = 7;
  for (int mask = 0x4000; (magnitude & mask) == 0 && exponent > 0; mask >>= 1) --exponent;
  const int mantissa = (magnitude >> (exponent + 3)) & 0x0F;
  return static_cast<uint8_t>(~(sign | (exponent << 4) | mantissa));
}

int16_t DecodeMu(uint8_t byte) {
  const int code = static_cast<uint8_t>(~byte);
  const int magnitude = ((((code & 0x0F) << 3) + kMuBias) << ((code >> 4) & 7)) - kMuBias;
  return static_cast<int16_t>((code & 0x80) != 0 ? -magnitude : magnitude);
}

uint8_t EncodeA(int16_t sample) {
  const int sign = sample >= 0 ? 0x80 : 0;
  const int magnitude = (sample >= 0 ? sample : -sample - 1) >> 3;  // 12 bits of magnitude
  int exponent = 0;
  for (int m = magnitude >> 5; m != 0; m >>= 1) ++exponent;
  const int mantissa = exponent == 0 ? magnitude >> 1 : (magnitude >> exponent) & 0x0F;
  return static_cast<uint8_t>((sign | (exponent << 4) | (mantissa & 0x0F)) ^ 0x55);
}

int16_t DecodeA(uint8_t byte) {
  const int code = byte ^ 0x55;
  const int exponent = (code >> 4) & 7;
  const int mantissa = code & 0x0F;
  const int magnitude = exponent == 0 ? (mantissa << 4) + 8 : ((mantissa << 4) + 0x108) << (exponent - 1);
  return static_cast<int16_t>((code & 0x80) != 0 ? magnitude : -magnitude);
}

}  // namespace

uint8_t EncodeG711(Law law, int16_t sample) { return law == Law::kALaw ? EncodeA(sample) : EncodeMu(sample); }
int16_t DecodeG711(Law law, uint8_t byte) { return law == Law::kALaw ? DecodeA(byte) : DecodeMu(byte); }

std::vector<uint8_t> EncodeG711(Law law, std::span<const int16_t> samples) {
  std::vector<uint8_t> bytes(samples.size());
  std::transform(samples.begin(), samples.end(), bytes.begin(),
                 [law](int16_t s) { return EncodeG711(law, s); });
  return bytes;
}

std::vector<int16_t> DecodeG711(Law law, std::span<const uint8_t> bytes) {
  std::vector<int16_t> samples(bytes.size());
  std::transform(bytes.begin(), bytes.end(), samples.begin(),
                 [law](uint8_t b) { return DecodeG711(law, b); });
  return samples;
}

}  // namespace turret::floor
