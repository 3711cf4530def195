// G.711 to linear samples, as ITU-T G.711 tables 1a and 2a have it, scaled to 16 bit.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "storage/base/bytes.h"

namespace turret::coordinator {

/// "PCMA" or "PCMU", without regard to case.
bool IsG711(std::string_view codec);

/// One sample a byte. `codec` must be one of G.711.
std::vector<int16_t> DecodeG711(std::string_view codec, Bytes payload);

}  // namespace turret::coordinator
