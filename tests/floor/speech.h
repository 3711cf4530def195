// Real speech, made with espeak-ng and sox, so that what is heard back can be checked against what was said.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace turret::floor {

/// `text` spoken by an espeak-ng voice ("en-gb", "en-us+f3", …), 8 kHz, 16 bit. Blocks for some 100 ms.
/// Errors: Internal when espeak-ng or sox fails.
absl::StatusOr<std::vector<int16_t>> Speak(const std::string& text, const std::string& voice);

/// Speech-like noise of a length: for load, where content does not matter. Same seed, same samples.
std::vector<int16_t> Murmur(uint64_t seed, size_t samples);

/// What traders say; grows with `turn`.
std::string TraderLine(uint64_t seed, int turn);

}  // namespace turret::floor
