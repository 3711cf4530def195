// G.711 as a sender makes it: the simulator's own encoder and decoder, from the formulas of ITU-T G.711, so
// that the recorder is never compared with itself.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace turret::floor {

enum class Law { kALaw, kMuLaw };

uint8_t EncodeG711(Law law, int16_t sample);
int16_t DecodeG711(Law law, uint8_t byte);
std::vector<uint8_t> EncodeG711(Law law, std::span<const int16_t> samples);
std::vector<int16_t> DecodeG711(Law law, std::span<const uint8_t> bytes);

}  // namespace turret::floor
