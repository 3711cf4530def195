#include "tests/interop/audio_match.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>

namespace turret::test {
namespace {

constexpr size_t kWindow = 1600;              // 200 ms at 8 kHz.
constexpr double kLoudEnough = 32768 * 0.01;  // -40 dBFS, root mean square.

uint32_t Little(const std::string& bytes, size_t at, size_t count) {
  uint32_t value = 0;
  for (size_t i = 0; i < count; ++i)
    value |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[at + i])) << (8 * i);
  return value;
}

double At(std::span<const int16_t> samples, int64_t index) {
  return index < 0 || index >= static_cast<int64_t>(samples.size()) ? 0.0
                                                                    : samples[static_cast<size_t>(index)];
}

bool Touches(const std::vector<std::pair<size_t, size_t>>& holes, size_t begin, size_t end) {
  for (const auto& [from, to] : holes)
    if (from < end && begin < to) return true;
  return false;
}

double Product(std::span<const int16_t> said, std::span<const int16_t> heard, int lag) {
  double sum = 0;
  for (size_t i = 0; i < said.size(); ++i) sum += said[i] * At(heard, static_cast<int64_t>(i) + lag);
  return sum;
}

}  // namespace

absl::StatusOr<Wav> ReadWav(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  const std::string bytes = content.str();
  if (bytes.size() < 44 || bytes.compare(0, 4, "RIFF") != 0 || bytes.compare(8, 4, "WAVE") != 0)
    return absl::InvalidArgumentError(path + ": no WAV file");
  Wav wav;
  size_t channels = 0;
  for (size_t at = 12; at + 8 <= bytes.size();) {
    const std::string id = bytes.substr(at, 4);
    const size_t length = Little(bytes, at + 4, 4);
    if (id == "fmt ") {
      channels = Little(bytes, at + 10, 2);
      wav.rate_hz = Little(bytes, at + 12, 4);
      if (Little(bytes, at + 8, 2) != 1 || Little(bytes, at + 22, 2) != 16 || channels == 0)
        return absl::InvalidArgumentError(path + ": not 16-bit PCM");
      wav.channels.resize(channels);
    } else if (id == "data") {
      const size_t end = std::min(bytes.size(), at + 8 + length);
      for (size_t i = at + 8, n = 0; i + 2 <= end; i += 2, ++n)
        wav.channels[n % channels].push_back(static_cast<int16_t>(Little(bytes, i, 2)));
    }
    at += 8 + length + length % 2;
  }
  return wav;
}

Match MatchSpeech(std::span<const int16_t> said, std::span<const int16_t> heard, int search,
                  const std::vector<std::pair<size_t, size_t>>& holes) {
  Match match;
  double best = -1;
  for (int lag = -search; lag <= search; ++lag) {
    const double product = Product(said, heard, lag);
    if (product > best) best = product, match.lag_samples = lag;
  }
  for (size_t begin = 0; begin + kWindow <= said.size(); begin += kWindow / 2) {
    if (Touches(holes, begin, begin + kWindow)) continue;
    double said_energy = 0;
    double heard_energy = 0;
    double product = 0;
    for (size_t i = begin; i < begin + kWindow; ++i) {
      const double s = said[i];
      const double h = At(heard, static_cast<int64_t>(i) + match.lag_samples);
      said_energy += s * s;
      heard_energy += h * h;
      product += s * h;
    }
    if (std::sqrt(said_energy / kWindow) < kLoudEnough) continue;
    ++match.windows;
    const double correlation = product / std::sqrt(said_energy * std::max(heard_energy, 1.0));
    if (correlation < match.worst_correlation) {
      match.worst_correlation = correlation;
      match.worst_window_at_samples = static_cast<int>(begin);
    }
  }
  return match;
}

}  // namespace turret::test
