#include "node/encode/opus_encoder.h"

#include <opus.h>

#include <algorithm>
#include <array>

#include "absl/status/status.h"
#include "fmt/format.h"

namespace turret::node {
namespace {

constexpr int kRateHz = 8000;
constexpr size_t kFrameSamples = 160;  // 20 ms.
constexpr int kComplexity = 3;
using FrameBytes = std::array<uint8_t, 1275>;  // RFC 6716.

Bytes Encode(OpusEncoder* encoder, const int16_t* samples, FrameBytes& bytes) {
  const opus_int32 size =
      opus_encode(encoder, samples, kFrameSamples, bytes.data(), static_cast<opus_int32>(bytes.size()));
  return Bytes(bytes).first(static_cast<size_t>(std::max<opus_int32>(size, 0)));
}

std::string PackSamples(const std::vector<int16_t>& samples) {
  std::string bytes;
  for (const int16_t sample : samples) {
    bytes.push_back(static_cast<char>(static_cast<uint16_t>(sample) & 0xFFU));
    bytes.push_back(static_cast<char>(static_cast<uint16_t>(sample) >> 8U));
  }
  return bytes;
}

std::vector<int16_t> UnpackSamples(const std::string& bytes) {
  std::vector<int16_t> samples;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2)
    samples.push_back(static_cast<int16_t>(static_cast<uint8_t>(bytes[i]) |
                                           static_cast<uint16_t>(static_cast<uint8_t>(bytes[i + 1]) << 8U)));
  return samples;
}

}  // namespace

void OpusRunEncoder::Deleter::operator()(OpusEncoder* encoder) const { opus_encoder_destroy(encoder); }

absl::StatusOr<OpusRunEncoder> OpusRunEncoder::Create(uint32_t bitrate) {
  if (bitrate == 0) bitrate = kOpusBitrateDefault;
  int error = OPUS_OK;
  std::unique_ptr<OpusEncoder, Deleter> encoder(
      opus_encoder_create(kRateHz, 1, OPUS_APPLICATION_AUDIO, &error));
  if (error != OPUS_OK) return absl::InternalError(fmt::format("opus encoder: {}", opus_strerror(error)));
  opus_int32 lookahead = 0;
  for (int result : {opus_encoder_ctl(encoder.get(), OPUS_SET_BITRATE(static_cast<opus_int32>(bitrate))),
                     opus_encoder_ctl(encoder.get(), OPUS_SET_COMPLEXITY(kComplexity)),
                     opus_encoder_ctl(encoder.get(), OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE)),
                     opus_encoder_ctl(encoder.get(), OPUS_GET_LOOKAHEAD(&lookahead))}) {
    if (result != OPUS_OK)
      return absl::InternalError(fmt::format("opus encoder at {} bit/s: {}", bitrate, opus_strerror(result)));
  }
  std::string identity = fmt::format("{} application=audio bitrate={} complexity={} frame=20ms rate={}",
                                     opus_get_version_string(), bitrate, kComplexity, kRateHz);
  return OpusRunEncoder(std::move(encoder), static_cast<uint32_t>(lookahead), std::move(identity));
}

void OpusRunEncoder::Feed(int64_t timestamp, const std::vector<int16_t>& samples, Emit emit) {
  if (running_) {
    const int64_t gap = timestamp - (frame_timestamp_ + static_cast<int64_t>(pending_.size()));
    if (gap > kOpusGapTicksMax) {
      EndRun(emit);
    } else if (gap > 0) {
      pending_.resize(pending_.size() + static_cast<size_t>(gap), 0);
    } else if (-gap >= static_cast<int64_t>(samples.size())) {
      return;
    } else {
      pending_.insert(pending_.end(), samples.begin() - gap, samples.end());
      return EmitWhole(emit);
    }
  }
  if (!running_) {
    running_ = first_of_run_ = true;
    past_.clear();
    frame_timestamp_ = timestamp;
    opus_encoder_ctl(encoder_.get(), OPUS_RESET_STATE);
  }
  pending_.insert(pending_.end(), samples.begin(), samples.end());
  EmitWhole(emit);
}

void OpusRunEncoder::EndRun(Emit emit) {
  if (!running_) return;
  // The lookahead is shorter than a frame, so at most two frames bring out the last sample.
  const size_t needed = pending_.size() + pre_skip_samples_;
  pending_.resize((needed + kFrameSamples - 1) / kFrameSamples * kFrameSamples, 0);
  EmitWhole(emit);
  running_ = false;
}

void OpusRunEncoder::EmitWhole(Emit emit) {
  size_t done = 0;
  for (; pending_.size() - done >= kFrameSamples; done += kFrameSamples)
    EmitFrame(pending_.data() + done, emit);
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(done));
}

void OpusRunEncoder::EmitFrame(const int16_t* samples, Emit emit) {
  FrameBytes bytes;
  emit({frame_timestamp_, kFrameSamples, first_of_run_, Encode(encoder_.get(), samples, bytes)});
  first_of_run_ = false;
  frame_timestamp_ += kFrameSamples;
  past_.insert(past_.end(), samples, samples + kFrameSamples);
  if (past_.size() > kOpusPastFrames * kFrameSamples)
    past_.erase(past_.begin(), past_.end() - static_cast<std::ptrdiff_t>(kOpusPastFrames * kFrameSamples));
}

void OpusRunEncoder::ForgetPast() {
  if (!running_) return;
  opus_encoder_ctl(encoder_.get(), OPUS_RESET_STATE);
  FrameBytes unused;
  for (size_t at = 0; at + kFrameSamples <= past_.size(); at += kFrameSamples)
    Encode(encoder_.get(), past_.data() + at, unused);
}

v1::OpusRunState OpusRunEncoder::Save() const {
  v1::OpusRunState state;
  state.set_frame_timestamp(frame_timestamp_);
  state.set_first_of_run(first_of_run_);
  state.set_past(PackSamples(past_));
  state.set_pending(PackSamples(pending_));
  return state;
}

void OpusRunEncoder::Restore(const v1::OpusRunState& state) {
  running_ = true;
  frame_timestamp_ = state.frame_timestamp();
  first_of_run_ = state.first_of_run();
  past_ = UnpackSamples(state.past());
  pending_ = UnpackSamples(state.pending());
  ForgetPast();
}

}  // namespace turret::node
