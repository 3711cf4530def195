#include "coordinator/replay/opus_encode.h"

#include <opus/opus.h>
#include <opus/opus_multistream.h>

#include <array>
#include <utility>

#include "coordinator/replay/opus_decode.h"
#include "fmt/format.h"
#include "storage/base/status.h"

namespace turret::coordinator {
namespace {

constexpr uint32_t kFrameSamples = kAudioRateHz / 50;
constexpr uint32_t kUpsampling = kOggOpusRateHz / kAudioRateHz;
constexpr opus_int32 kBitrateAChannel = 24'000;
constexpr size_t kPacketBytesMaxAChannel = 1276;  // RFC 6716 3.4.

absl::Status OpusError(std::string_view what, int error) {
  return absl::InternalError(fmt::format("{}: {}", what, opus_strerror(error)));
}

}  // namespace

void OpusFileEncoder::Free::operator()(OpusMSEncoder* encoder) const {
  opus_multistream_encoder_destroy(encoder);
}

OpusFileEncoder::OpusFileEncoder(Encoder encoder, OggOpusWriter writer, size_t channels,
                                 uint64_t pre_skip_48k)
    : encoder_(std::move(encoder)),
      writer_(std::move(writer)),
      channels_(channels),
      pre_skip_48k_(pre_skip_48k) {}

absl::StatusOr<OpusFileEncoder> OpusFileEncoder::Create(OggOpusOptions options) {
  const int channels = options.channels;
  if (channels == 0) return absl::InvalidArgumentError("Ogg Opus: no channel");
  std::array<unsigned char, 255> mapping{};
  for (size_t channel = 0; channel < mapping.size(); ++channel)
    mapping[channel] = static_cast<unsigned char>(channel);
  int error = OPUS_OK;
  Encoder encoder(opus_multistream_encoder_create(kAudioRateHz, channels, channels, /*coupled_streams=*/0,
                                                  mapping.data(), OPUS_APPLICATION_AUDIO, &error));
  if (encoder == nullptr) return OpusError("Opus encoder", error);
  opus_int32 lookahead = 0;
  opus_multistream_encoder_ctl(encoder.get(), OPUS_SET_BITRATE(kBitrateAChannel * channels));
  opus_multistream_encoder_ctl(encoder.get(), OPUS_GET_LOOKAHEAD(&lookahead));
  options.pre_skip_48k = static_cast<uint16_t>(static_cast<uint32_t>(lookahead) * kUpsampling);
  options.input_rate_hz = kAudioRateHz;
  return OpusFileEncoder(std::move(encoder), OggOpusWriter(options), options.channels, options.pre_skip_48k);
}

absl::Status OpusFileEncoder::EncodeFrame(const int16_t* frame) {
  std::vector<uint8_t> packet(kPacketBytesMaxAChannel * channels_);
  const int bytes = opus_multistream_encode(encoder_.get(), frame, kFrameSamples, packet.data(),
                                            static_cast<opus_int32>(packet.size()));
  if (bytes < 0) return OpusError("Opus encoder", bytes);
  writer_.Add({packet.data(), static_cast<size_t>(bytes)}, kFrameSamples * kUpsampling, /*tracked=*/false);
  return absl::OkStatus();
}

absl::Status OpusFileEncoder::Add(std::span<const int16_t> interleaved) {
  pending_.insert(pending_.end(), interleaved.begin(), interleaved.end());
  input_samples_ += interleaved.size() / channels_;
  const size_t frame = kFrameSamples * channels_;
  size_t done = 0;
  for (; pending_.size() - done >= frame; done += frame)
    TURRET_RETURN_IF_ERROR(EncodeFrame(pending_.data() + done));
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(done));
  return absl::OkStatus();
}

absl::Status OpusFileEncoder::Finish() {
  const uint64_t end = input_samples_ * kUpsampling + pre_skip_48k_;
  while (writer_.samples_48k() < end) {
    pending_.resize(kFrameSamples * channels_, 0);
    TURRET_RETURN_IF_ERROR(EncodeFrame(pending_.data()));
    pending_.clear();
  }
  writer_.Finish(end);
  return absl::OkStatus();
}

absl::StatusOr<Buffer> SilentPacket(uint32_t samples) {
  int error = OPUS_OK;
  const std::unique_ptr<OpusEncoder, decltype(&opus_encoder_destroy)> encoder(
      opus_encoder_create(kAudioRateHz, 1, OPUS_APPLICATION_AUDIO, &error), &opus_encoder_destroy);
  if (encoder == nullptr) return OpusError("Opus encoder", error);
  const std::vector<int16_t> zeros(samples, 0);
  Buffer packet(kPacketBytesMaxAChannel);
  const int bytes = opus_encode(encoder.get(), zeros.data(), static_cast<int>(samples), packet.data(),
                                static_cast<opus_int32>(packet.size()));
  if (bytes < 0) return OpusError("Opus encoder", bytes);
  packet.resize(static_cast<size_t>(bytes));
  return packet;
}

}  // namespace turret::coordinator
