#include "coordinator/replay/wav.h"

#include <algorithm>
#include <limits>

namespace turret::coordinator {
namespace {

constexpr size_t kSampleBytes = sizeof(int16_t);

void StoreLittle(Buffer& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

uint64_t Size32(uint64_t bytes) { return std::min<uint64_t>(bytes, std::numeric_limits<uint32_t>::max()); }

}  // namespace

uint64_t WavBytes(size_t channels, uint64_t samples_per_channel) {
  return kWavHeaderBytes + samples_per_channel * channels * kSampleBytes;
}

Buffer WavHeader(uint32_t rate_hz, size_t channels, uint64_t samples_per_channel) {
  const uint64_t data_bytes = samples_per_channel * channels * kSampleBytes;
  Buffer header;
  header.reserve(kWavHeaderBytes);
  Append(header, AsBytes("RIFF"));
  StoreLittle(header, Size32(data_bytes + kWavHeaderBytes - 8), 4);
  Append(header, AsBytes("WAVEfmt "));
  StoreLittle(header, 16, 4);
  StoreLittle(header, 1, 2);  // PCM.
  StoreLittle(header, channels, 2);
  StoreLittle(header, rate_hz, 4);
  StoreLittle(header, rate_hz * channels * kSampleBytes, 4);
  StoreLittle(header, channels * kSampleBytes, 2);
  StoreLittle(header, 8 * kSampleBytes, 2);
  Append(header, AsBytes("data"));
  StoreLittle(header, Size32(data_bytes), 4);
  return header;
}

void AppendPcm(Buffer& out, std::span<const int16_t> samples) {
  for (const int16_t sample : samples) StoreLittle(out, static_cast<uint16_t>(sample), kSampleBytes);
}

}  // namespace turret::coordinator
