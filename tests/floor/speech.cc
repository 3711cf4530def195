#include "tests/floor/speech.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>
#include <random>

#include "fmt/format.h"

namespace turret::floor {
namespace {

std::string ShellQuoted(const std::string& text) {
  std::string quoted = "'";
  for (char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

struct PipeCloser {
  int* status;
  void operator()(FILE* pipe) const { *status = pclose(pipe); }
};

}  // namespace

absl::StatusOr<std::vector<int16_t>> Speak(const std::string& text, const std::string& voice) {
  const std::string command = fmt::format(
      "espeak-ng -v {} --stdout {} 2>/dev/null | sox -q -t wav - -t raw -r 8000 -e signed -b 16 -c 1 - gain "
      "-n -6",
      ShellQuoted(voice), ShellQuoted(text));
  int status = 0;
  std::vector<int16_t> samples;
  {
    std::unique_ptr<FILE, PipeCloser> pipe(popen(command.c_str(), "re"), PipeCloser{&status});
    if (pipe == nullptr) return absl::InternalError("cannot start espeak-ng");
    std::array<int16_t, 4096> chunk;
    for (size_t n; (n = fread(chunk.data(), sizeof(int16_t), chunk.size(), pipe.get())) > 0;)
      samples.insert(samples.end(), chunk.begin(), chunk.begin() + static_cast<ptrdiff_t>(n));
  }
  if (status != 0 || samples.empty())
    return absl::InternalError("espeak-ng or sox failed: are both installed?");
  return samples;
}

std::vector<int16_t> Murmur(uint64_t seed, size_t count) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> noise(0, 1);
  std::vector<int16_t> samples(count);
  double low = 0;
  for (size_t i = 0; i < count; ++i) {
    low = 0.9 * low + 0.1 * noise(engine);
    const double envelope = 0.5 + 0.5 * std::sin(static_cast<double>(i) * 2 * M_PI / 2400);
    samples[i] = static_cast<int16_t>(std::clamp(low * envelope * 20000, -32000.0, 32000.0));
  }
  return samples;
}

std::string TraderLine(uint64_t seed, int turn) {
  static constexpr std::array kSides = {"buy", "sell", "bid for", "offer"};
  static constexpr std::array kNames = {"Siemens", "Unilever", "Shell", "Nokia",
                                        "Allianz", "Ferrari",  "Airbus"};
  std::mt19937_64 engine(seed + static_cast<uint64_t>(turn) * 7919);
  return fmt::format(
      "I can {} {} thousand {} at {} point {}, is that firm? Please confirm by {} minutes past.",
      kSides[engine() % kSides.size()], 5 * (1 + engine() % 20), kNames[engine() % kNames.size()],
      20 + engine() % 80, engine() % 100, engine() % 60);
}

}  // namespace turret::floor
