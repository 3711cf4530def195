#include "coordinator/replay/call_mixer.h"

#include <algorithm>

#include "storage/base/status.h"

namespace turret::coordinator {
namespace {

constexpr int64_t kSampleNs = 1'000'000'000 / kAudioRateHz;
constexpr int64_t kLookAheadSamples =
    kAudioRateHz;  // Pieces may come a little out of order where the map moves.

int16_t Saturated(int sum) { return static_cast<int16_t>(std::clamp(sum, -32768, 32767)); }

}  // namespace

int64_t SamplesBetween(int64_t begin_utc_ns, int64_t end_utc_ns) {
  const int64_t ns = end_utc_ns - begin_utc_ns;
  return ns >= 0 ? (ns + kSampleNs / 2) / kSampleNs : -((-ns + kSampleNs / 2) / kSampleNs);
}

CallMixer::CallMixer(int64_t begin_utc_ns, size_t channels, std::vector<MixerSource> sources)
    : begin_utc_ns_(begin_utc_ns), channels_(channels) {
  for (MixerSource& source : sources) sources_.push_back({std::move(source), {}, false});
}

absl::Status CallMixer::Fill(Source& source, int64_t until) {
  while (!source.ended && (source.pending.empty() || source.pending.back().position < until)) {
    TURRET_ASSIGN_OR_RETURN(auto pieces, source.source.next());
    if (!pieces.has_value()) {
      source.ended = true;
      break;
    }
    // What would lie before audio that went out already comes late rather than never.
    for (AudioPiece& piece : *pieces)
      source.pending.push_back(
          {std::max(SamplesBetween(begin_utc_ns_, piece.begin_utc_ns), position_), std::move(piece.samples)});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int16_t>> CallMixer::Next(size_t samples) {
  const int64_t end = position_ + static_cast<int64_t>(samples);
  std::vector<int16_t> window(samples * channels_, 0);
  for (Source& source : sources_) {
    TURRET_RETURN_IF_ERROR(Fill(source, end + kLookAheadSamples));
    for (const Pending& piece : source.pending) {
      const int64_t piece_end = piece.position + static_cast<int64_t>(piece.samples.size());
      for (int64_t at = std::max(position_, piece.position); at < std::min(end, piece_end); ++at) {
        int16_t& out = window[static_cast<size_t>(at - position_) * channels_ + source.source.channel];
        out = Saturated(out + piece.samples[static_cast<size_t>(at - piece.position)]);
      }
    }
    std::erase_if(source.pending, [end](const Pending& piece) {
      return piece.position + static_cast<int64_t>(piece.samples.size()) <= end;
    });
  }
  position_ = end;
  return window;
}

}  // namespace turret::coordinator
