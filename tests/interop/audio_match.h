// Compares what was heard with what was said.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace turret::test {

/// A 16-bit PCM WAV file, by channel.
struct Wav {
  uint32_t rate_hz = 0;
  std::vector<std::vector<int16_t>> channels;
};
absl::StatusOr<Wav> ReadWav(const std::string& path);

struct Match {
  int lag_samples = 0;           // heard[i + lag] is said[i].
  double worst_correlation = 1;  // Over 200 ms windows of `said` louder than -40 dBFS.
  int windows = 0;               // How many were loud enough.
  int worst_window_at_samples = 0;
};
/// Finds one lag for the whole of `said` within +-`search` samples, by the sum of products, then looks at
/// each window. `holes`: sample ranges [begin, end) of `said` that were lost; windows that touch one are left
/// out.
Match MatchSpeech(std::span<const int16_t> said, std::span<const int16_t> heard, int search,
                  const std::vector<std::pair<size_t, size_t>>& holes = {});

}  // namespace turret::test
