// Kept Opus frames to samples, run by run.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/base/bytes.h"
#include "storage/segment/segment_plaintext.h"

struct OpusDecoder;

namespace turret::coordinator {

inline constexpr uint32_t kAudioRateHz = 8000;

/// Samples on the RTP timestamp grid: `samples[0]` lies at `timestamp` (extended, 8,000 ticks a second).
struct TickPiece {
  int64_t timestamp = 0;
  std::vector<int16_t> samples;

  int64_t end() const { return timestamp + static_cast<int64_t>(samples.size()); }
};

/// Adds samples behind the last piece where they follow it without a hole, else as a piece of its own.
void AppendPiece(std::vector<TickPiece>& pieces, TickPiece more);

/// Keeps its state over segment borders. Not thread-safe.
class OpusFrames {
 public:
  static absl::StatusOr<OpusFrames> Create();

  /// Frames of the next segment. The encoder's lookahead, `pre_skip_samples`, is taken off the start of each
  /// run, so that sample i of a run lies at the run's first timestamp + i. A frame that does not decode
  /// becomes zeros, and is counted.
  std::vector<TickPiece> Decode(const std::vector<FrameRow>& rows, Bytes media, uint32_t pre_skip_samples);
  uint64_t undecodable_frames() const { return undecodable_frames_; }

 private:
  struct Free {
    void operator()(OpusDecoder* decoder) const;
  };
  explicit OpusFrames(std::unique_ptr<OpusDecoder, Free> decoder) : decoder_(std::move(decoder)) {}

  std::unique_ptr<OpusDecoder, Free> decoder_;
  uint32_t skip_samples_ = 0;  // Still to be taken off.
  uint64_t undecodable_frames_ = 0;
};

}  // namespace turret::coordinator
