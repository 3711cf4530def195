// G.711 (ITU-T): one byte a sample, A-law or µ-law, to 16-bit linear.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "storage/base/bytes.h"

namespace turret {

enum class G711Law { kALaw, kMuLaw };

/// Whether an rtpmap's encoding name is a law, and which.
bool IsG711(std::string_view codec, G711Law& law);
int16_t DecodeG711(G711Law law, uint8_t code);
/// Appends one sample for each byte.
void DecodeG711(G711Law law, Bytes payload, std::vector<int16_t>& samples);

}  // namespace turret
