#include "coordinator/replay/opus_decode.h"

#include <opus/opus.h>

#include <algorithm>

#include "fmt/format.h"

namespace turret::coordinator {
namespace {

constexpr uint32_t kFrameSamplesMax = kAudioRateHz / 1000 * 120;  // RFC 6716 2.1.4: 120 ms a packet.

}  // namespace

void AppendPiece(std::vector<TickPiece>& pieces, TickPiece more) {
  if (more.samples.empty()) return;
  if (!pieces.empty() && pieces.back().end() == more.timestamp)
    pieces.back().samples.insert(pieces.back().samples.end(), more.samples.begin(), more.samples.end());
  else
    pieces.push_back(std::move(more));
}

void OpusFrames::Free::operator()(OpusDecoder* decoder) const { opus_decoder_destroy(decoder); }

absl::StatusOr<OpusFrames> OpusFrames::Create() {
  int error = OPUS_OK;
  std::unique_ptr<OpusDecoder, Free> decoder(opus_decoder_create(kAudioRateHz, 1, &error));
  if (decoder == nullptr) return absl::InternalError(fmt::format("Opus decoder: {}", opus_strerror(error)));
  return OpusFrames(std::move(decoder));
}

std::vector<TickPiece> OpusFrames::Decode(const std::vector<FrameRow>& rows, Bytes media,
                                          uint32_t pre_skip_samples) {
  std::vector<TickPiece> pieces;
  size_t offset = 0;
  for (const FrameRow& row : rows) {
    const Bytes frame = media.subspan(offset, row.frame_bytes);
    offset += row.frame_bytes;
    if (row.starts_run) {
      opus_decoder_ctl(decoder_.get(), OPUS_RESET_STATE);
      skip_samples_ = pre_skip_samples;
    }
    std::vector<int16_t> samples(std::min(row.duration_samples, kFrameSamplesMax));
    const int decoded = opus_decode(decoder_.get(), frame.data(), static_cast<opus_int32>(frame.size()),
                                    samples.data(), static_cast<int>(samples.size()), /*decode_fec=*/0);
    if (decoded != static_cast<int>(samples.size())) {
      ++undecodable_frames_;
      std::fill(samples.begin(), samples.end(), int16_t{0});
    }
    const size_t skipped = std::min<size_t>(skip_samples_, samples.size());
    samples.erase(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(skipped));
    skip_samples_ -= static_cast<uint32_t>(skipped);
    AppendPiece(pieces, {row.timestamp - int64_t{pre_skip_samples} + static_cast<int64_t>(skipped),
                         std::move(samples)});
  }
  return pieces;
}

}  // namespace turret::coordinator
