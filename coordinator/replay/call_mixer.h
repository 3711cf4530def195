// Streams to channels on one time line, window by window: a call of many hours needs no more memory than a
// short one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/replay/stream_decoder.h"

namespace turret::coordinator {

/// One stream, as a source of audio in its order. Nullopt: there is no more.
struct MixerSource {
  size_t channel = 0;
  std::function<absl::StatusOr<std::optional<std::vector<AudioPiece>>>()> next;
};

/// Not thread-safe.
class CallMixer {
 public:
  /// Sample 0 of every channel lies at `begin_utc_ns`.
  CallMixer(int64_t begin_utc_ns, size_t channels, std::vector<MixerSource> sources);

  /// The next `samples` of each channel, interleaved; zeros where no source has audio. Where two overlap they
  /// are added, within the range of 16 bit.
  absl::StatusOr<std::vector<int16_t>> Next(size_t samples);

 private:
  struct Pending {
    int64_t position = 0;  // Of samples[0], in samples from the beginning.
    std::vector<int16_t> samples;
  };
  struct Source {
    MixerSource source;
    std::vector<Pending> pending;
    bool ended = false;
  };
  [[nodiscard]] absl::Status Fill(Source& source, int64_t until);

  int64_t begin_utc_ns_;
  size_t channels_;
  std::vector<Source> sources_;
  int64_t position_ = 0;
};

/// Samples between two instants, rounded to the nearest.
int64_t SamplesBetween(int64_t begin_utc_ns, int64_t end_utc_ns);

}  // namespace turret::coordinator
