// Samples to Ogg Opus, where no kept frames can be used: exact policy, or several channels in one file.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/replay/ogg_opus.h"

struct OpusMSEncoder;

namespace turret::coordinator {

/// Each channel is encoded on its own. Input at kAudioRateHz. Not thread-safe.
class OpusFileEncoder {
 public:
  /// `options.pre_skip_48k` and the input rate are filled in. Errors: InvalidArgument for 0 or more than 255
  /// channels.
  static absl::StatusOr<OpusFileEncoder> Create(OggOpusOptions options);

  /// Interleaved, whole samples of all channels.
  [[nodiscard]] absl::Status Add(std::span<const int16_t> interleaved);
  [[nodiscard]] absl::Status Finish();
  Buffer Take() { return writer_.Take(); }

 private:
  struct Free {
    void operator()(OpusMSEncoder* encoder) const;
  };
  using Encoder = std::unique_ptr<OpusMSEncoder, Free>;
  OpusFileEncoder(Encoder encoder, OggOpusWriter writer, size_t channels, uint64_t pre_skip_48k);
  [[nodiscard]] absl::Status EncodeFrame(const int16_t* frame);

  Encoder encoder_;
  OggOpusWriter writer_;
  size_t channels_;
  uint64_t pre_skip_48k_;
  std::vector<int16_t> pending_;
  uint64_t input_samples_ = 0;  // A channel.
};

/// One Opus packet that decodes to silence, mono, `samples` long at kAudioRateHz: 20, 40, 80 or 160.
absl::StatusOr<Buffer> SilentPacket(uint32_t samples);

}  // namespace turret::coordinator
