#include "coordinator/replay/kept_frames.h"

#include <algorithm>

#include "coordinator/replay/opus_decode.h"
#include "coordinator/replay/opus_encode.h"
#include "storage/base/status.h"
#include "storage/segment/segment_plaintext.h"

namespace turret::coordinator {
namespace {

constexpr uint32_t kUpsampling = kOggOpusRateHz / kAudioRateHz;

}  // namespace

absl::StatusOr<KeptFramesFile> KeptFramesFile::Create(OggOpusOptions options, uint64_t lead_in_samples) {
  std::map<uint32_t, Buffer, std::greater<>> silent;
  for (const uint32_t samples : {160U, 80U, 40U, 20U}) {  // 20, 10, 5 and 2.5 ms: what a packet may hold.
    TURRET_ASSIGN_OR_RETURN(silent[samples], SilentPacket(samples));
  }
  options.channels = 1;
  options.input_rate_hz = kAudioRateHz;
  return KeptFramesFile(std::move(options), lead_in_samples, std::move(silent));
}

// Whatever is shorter than the shortest packet stays open and is made good at the next hole.
void KeptFramesFile::FillUntil(int64_t target) {
  for (const auto& [samples, packet] : silent_)
    while (position_ + int64_t{samples} <= target) {
      writer_->Add(packet, samples * kUpsampling, /*tracked=*/false);
      position_ += samples;
    }
}

absl::Status KeptFramesFile::Add(const v1::SegmentBody& body, Bytes media) {
  if (body.media() != v1::SegmentBody::OPUS) return absl::OkStatus();
  TURRET_ASSIGN_OR_RETURN(const std::vector<FrameRow> rows, DecodeFrames(body.frames()));
  TURRET_ASSIGN_OR_RETURN(const std::vector<PacketRow> packets, DecodePackets(body.packets()));
  if (rows.empty()) return absl::OkStatus();
  if (!writer_.has_value()) {
    options_.pre_skip_48k = static_cast<uint16_t>(body.pre_skip_samples() * kUpsampling);
    writer_.emplace(options_);
    FillUntil(static_cast<int64_t>(lead_in_samples_));
  }
  if (ssrc_ != body.ssrc()) {  // Another numbering of time: goes on where the one before ended.
    ssrc_ = body.ssrc();
    first_timestamp_ = rows.front().timestamp;
    first_position_ = position_;
  }
  const int64_t offset = first_position_ - first_timestamp_;
  size_t at = 0;
  for (const FrameRow& row : rows) {
    FillUntil(row.timestamp + offset);
    writer_->Add(media.subspan(at, row.frame_bytes), row.duration_samples * kUpsampling, /*tracked=*/true);
    at += row.frame_bytes;
    position_ += row.duration_samples;
  }
  for (const PacketRow& packet : packets)
    end_position_ = std::max(end_position_, packet.timestamp + int64_t{packet.payload_bytes} + offset);
  return absl::OkStatus();
}

absl::Status KeptFramesFile::Finish() {
  if (!writer_.has_value()) return absl::FailedPreconditionError("the stream holds no Opus frame");
  writer_->Finish(static_cast<uint64_t>(std::max<int64_t>(end_position_, 0)) * kUpsampling +
                  options_.pre_skip_48k);
  return absl::OkStatus();
}

Buffer KeptFramesFile::Take() { return writer_.has_value() ? writer_->Take() : Buffer{}; }

std::vector<FileRun> KeptFramesFile::kept_runs() const {
  return writer_.has_value() ? writer_->tracked_runs() : std::vector<FileRun>{};
}

}  // namespace turret::coordinator
