#include "coordinator/replay/stream_audio.h"

#include <algorithm>

#include "coordinator/replay/call_channels.h"
#include "coordinator/replay/call_mixer.h"
#include "coordinator/replay/stream_decoder.h"
#include "coordinator/replay/wav.h"
#include "fmt/format.h"
#include "storage/base/status.h"

namespace turret::coordinator {
namespace {

constexpr size_t kWindowSamples = kAudioRateHz;

absl::Status CheckFits(uint64_t samples) {
  if (samples <= kSamplesInMemoryMax) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("{} samples at once, {} at most: take a shorter part", samples, kSamplesInMemoryMax));
}

// The stream's pieces on a line that begins with the first of them.
absl::Status PlacePieces(const std::vector<AudioPiece>& pieces, StreamAudio& audio) {
  for (const AudioPiece& piece : pieces) {
    if (audio.samples.empty()) audio.begin_utc_ns = piece.begin_utc_ns;
    const auto at =
        static_cast<size_t>(std::max<int64_t>(SamplesBetween(audio.begin_utc_ns, piece.begin_utc_ns), 0));
    TURRET_RETURN_IF_ERROR(CheckFits(at + piece.samples.size()));
    audio.samples.resize(std::max(audio.samples.size(), at + piece.samples.size()), 0);
    std::copy(piece.samples.begin(), piece.samples.end(),
              audio.samples.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ForEachSegment(const Archive& archive, const StreamId& stream,
                            const std::function<absl::Status(const OpenedSegment&)>& visit) {
  TURRET_ASSIGN_OR_RETURN(SegmentCursor cursor, SegmentCursor::Create(archive, stream));
  for (;;) {  // Ends with the stream's last segment.
    TURRET_ASSIGN_OR_RETURN(const std::optional<OpenedSegment> segment, cursor.Next());
    if (!segment.has_value()) return absl::OkStatus();
    TURRET_RETURN_IF_ERROR(visit(*segment));
  }
}

absl::StatusOr<StreamAudio> DecodeStream(const Archive& archive, const StreamId& stream) {
  TURRET_ASSIGN_OR_RETURN(StreamDecoder decoder, StreamDecoder::Create());
  StreamAudio audio;
  TURRET_RETURN_IF_ERROR(ForEachSegment(archive, stream, [&](const OpenedSegment& segment) -> absl::Status {
    TURRET_ASSIGN_OR_RETURN(const Plaintext plaintext, ParsePlaintext(segment.plaintext));
    TURRET_ASSIGN_OR_RETURN(const std::vector<AudioPiece> pieces,
                            decoder.Decode(plaintext.body, plaintext.media));
    return PlacePieces(pieces, audio);
  }));
  return audio;
}

absl::StatusOr<CallAudio> DecodeCall(const Archive& archive, const v1::CallSummary& call) {
  TURRET_ASSIGN_OR_RETURN(const CallPlan plan, PlanCall(archive, call));
  const size_t channels = plan.channels.size();
  TURRET_RETURN_IF_ERROR(CheckFits(static_cast<uint64_t>(plan.samples) * channels));
  TURRET_ASSIGN_OR_RETURN(CallMixer mixer, MakeMixer(archive, plan));
  CallAudio audio{plan.begin_utc_ns, kAudioRateHz, {}, std::vector<std::vector<int16_t>>(channels)};
  for (const CallChannel& channel : plan.channels) audio.names.push_back(channel.name);
  for (auto left = static_cast<size_t>(plan.samples); left > 0;) {
    const size_t window = std::min(left, kWindowSamples);
    TURRET_ASSIGN_OR_RETURN(const std::vector<int16_t> interleaved, mixer.Next(window));
    for (size_t i = 0; i < interleaved.size(); ++i) audio.channels[i % channels].push_back(interleaved[i]);
    left -= window;
  }
  return audio;
}

Buffer MakeWav(const CallAudio& audio) {
  const size_t samples = audio.channels.empty() ? 0 : audio.channels.front().size();
  Buffer wav = WavHeader(audio.rate_hz, audio.channels.size(), samples);
  wav.reserve(WavBytes(audio.channels.size(), samples));
  for (size_t i = 0; i < samples; ++i)
    for (const std::vector<int16_t>& channel : audio.channels) AppendPcm(wav, {&channel[i], 1});
  return wav;
}

}  // namespace turret::coordinator
