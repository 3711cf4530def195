// Plaintext of segments as a node makes them, and how well what comes out fits what went in.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "storage/base/bytes.h"
#include "turret/v1/archive.pb.h"

namespace turret::test {

inline constexpr int64_t kAnchorUtcNs = 1'790'000'000'000'000'000;

/// One segment's body and media bytes.
struct MadeSegment {
  v1::SegmentBody body;
  Buffer media;
};

/// Speech-like: tones of changing pitch and loudness, never silent for long. Repeatable.
std::vector<int16_t> Babble(size_t samples, uint32_t seed);

std::vector<int16_t> DecodeG711(const std::string& codec, Bytes payload);
/// G.711 by search in the decode table: slow and surely right.
Buffer EncodeG711(const std::string& codec, std::span<const int16_t> samples);

struct StreamShape {
  int64_t first_timestamp = 1000;
  int64_t packet_samples = 160;
  size_t packets_a_segment = 250;
  std::vector<size_t> lost;  // Packet numbers.
};

/// Exact policy: payloads as sent.
std::vector<MadeSegment> MakeExact(const std::string& codec, std::span<const int16_t> samples,
                                   const StreamShape& shape);

/// Opus policy: 20 ms frames on the timestamp grid, a new run behind each hole, and at the end of each run
/// zeros are encoded until the encoder's lookahead is out.
std::vector<MadeSegment> MakeOpus(std::span<const int16_t> samples, const StreamShape& shape);

/// Lag in samples (within ±`lag_max`) at which `heard` fits `said` best.
int BestLag(std::span<const int16_t> said, std::span<const int16_t> heard, int lag_max);
/// Lowest correlation of any 200 ms window of `said` louder than -40 dBFS with `heard`, both from sample 0.
double WorstWindow(std::span<const int16_t> said, std::span<const int16_t> heard);

}  // namespace turret::test
