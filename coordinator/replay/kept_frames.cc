#include "coordinator/replay/kept_frames.h"

#include <algorithm>

#include "coordinator/replay/opus_decode.h"
#include "coordinator/replay/opus_encode.h"
#include "storage/base/status.h"
#include "storage/segment/segment_plaintext.h"

namespace turret::coordinator {
namespace {

constexpr uint32_t kUpsampling = kOggOpusRateHz / kAudioRateHz;

// The run that a frame begins in. What an encoder flushes lies behind its run's end.
const PlacedRun* RunOf(const std::vector<PlacedRun>& runs, int64_t timestamp) {
  const PlacedRun* found = nullptr;
  for (const PlacedRun& run : runs)
    if (run.begin_timestamp <= timestamp) found = &run;
  return found;
}

}  // namespace

absl::StatusOr<KeptFramesFile> KeptFramesFile::Create(OggOpusOptions options, StreamPlacer placer,
                                                      std::optional<int64_t> begin_utc_ns, FileSink sink) {
  Silences silent;
  for (const uint32_t samples : {160U, 80U, 40U, 20U}) {  // 20, 10, 5 and 2.5 ms: what a packet may hold.
    TURRET_ASSIGN_OR_RETURN(silent[samples], SilentPacket(samples));
  }
  options.channels = 1;
  options.input_rate_hz = kAudioRateHz;
  return KeptFramesFile(std::move(options), std::move(placer), begin_utc_ns, std::move(sink),
                        std::move(silent));
}

int64_t KeptFramesFile::PositionOf(int64_t utc_ns) {
  if (!begin_utc_ns_.has_value()) begin_utc_ns_ = utc_ns;
  return SamplesBetween(*begin_utc_ns_, utc_ns);
}

// Whatever is shorter than the shortest packet stays open and is made good at the next hole.
absl::Status KeptFramesFile::FillUntil(int64_t target) {
  late_samples_ = std::max<int64_t>(position_ - target, 0);
  for (const auto& [samples, packet] : silent_)
    while (position_ + int64_t{samples} <= target) {
      writer_->Add(packet, samples * kUpsampling, /*tracked=*/false);
      position_ += samples;
      TURRET_RETURN_IF_ERROR(Drain());
    }
  return absl::OkStatus();
}

absl::Status KeptFramesFile::Drain() {
  const Buffer written = writer_->Take();
  return written.empty() ? absl::OkStatus() : sink_(written);
}

absl::Status KeptFramesFile::Add(const v1::SegmentBody& body, Bytes media) {
  if (body.media() != v1::SegmentBody::OPUS) return absl::OkStatus();
  TURRET_ASSIGN_OR_RETURN(const std::vector<FrameRow> rows, DecodeFrames(body.frames()));
  TURRET_ASSIGN_OR_RETURN(const std::vector<PacketRow> packets, DecodePackets(body.packets()));
  TURRET_ASSIGN_OR_RETURN(const std::vector<PlacedRun> runs, placer_.Place(body, packets));
  if (!writer_.has_value() && !rows.empty()) {
    options_.pre_skip_48k = static_cast<uint16_t>(body.pre_skip_samples() * kUpsampling);
    writer_.emplace(options_);
  }
  size_t at = 0;
  for (const FrameRow& row : rows) {
    if (const PlacedRun* const run = RunOf(runs, row.timestamp); run != nullptr) run_ = *run;
    if (run_.has_value()) TURRET_RETURN_IF_ERROR(FillUntil(PositionOf(run_->UtcOf(row.timestamp))));
    writer_->Add(media.subspan(at, row.frame_bytes), row.duration_samples * kUpsampling, /*tracked=*/true);
    TURRET_RETURN_IF_ERROR(Drain());
    at += row.frame_bytes;
    position_ += row.duration_samples;
  }
  if (writer_.has_value())
    for (const PlacedRun& run : runs) end_position_ = std::max(end_position_, PositionOf(run.end_utc_ns()));
  return absl::OkStatus();
}

absl::Status KeptFramesFile::Finish() {
  if (!writer_.has_value()) return absl::FailedPreconditionError("the stream holds no Opus frame");
  const auto end = static_cast<uint64_t>(std::max<int64_t>(end_position_ + late_samples_, 0));
  writer_->Finish(end * kUpsampling + options_.pre_skip_48k);
  return Drain();
}

std::vector<FileRun> KeptFramesFile::kept_runs() const {
  return writer_.has_value() ? writer_->tracked_runs() : std::vector<FileRun>{};
}

}  // namespace turret::coordinator
