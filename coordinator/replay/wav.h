// RIFF WAV, 16-bit PCM, interleaved.
#pragma once

#include <cstdint>
#include <span>

#include "storage/base/bytes.h"

namespace turret::coordinator {

inline constexpr size_t kWavHeaderBytes = 44;

/// The 44 bytes before the samples. Where the sizes do not fit into 32 bit they are all ones: "to the end of
/// the file".
Buffer WavHeader(uint32_t rate_hz, size_t channels, uint64_t samples_per_channel);
uint64_t WavBytes(size_t channels, uint64_t samples_per_channel);

/// Little endian, appended.
void AppendPcm(Buffer& out, std::span<const int16_t> samples);

}  // namespace turret::coordinator
