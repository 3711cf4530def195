// Segments of one stream, in sequence, to pieces of audio on the UTC line. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/replay/opus_decode.h"
#include "coordinator/replay/stream_placer.h"
#include "storage/segment/segment_plaintext.h"
#include "turret/v1/archive.pb.h"

namespace turret::coordinator {

struct AudioPiece {
  int64_t begin_utc_ns = 0;
  std::vector<int16_t> samples;  // kAudioRateHz.
};

/// Places audio as StreamPlacer does. Not thread-safe.
class StreamDecoder {
 public:
  static absl::StatusOr<StreamDecoder> Create(StreamPlacer placer);

  /// Audio is told only where packets were recorded: what an encoder's flush or a run's padding adds is left
  /// out. A codec that is not known here gives none (see `unknown_codec`). Errors: InvalidArgument when the
  /// tables do not parse.
  absl::StatusOr<std::vector<AudioPiece>> Decode(const v1::SegmentBody& body, Bytes media);

  /// Codec that was met and cannot be decoded; empty: none.
  const std::string& unknown_codec() const { return unknown_codec_; }
  uint64_t undecodable_frames() const { return frames_.undecodable_frames(); }

 private:
  StreamDecoder(StreamPlacer placer, OpusFrames frames)
      : placer_(std::move(placer)), frames_(std::move(frames)) {}
  std::vector<AudioPiece> DecodeFrames(const v1::SegmentBody& body, const std::vector<FrameRow>& rows,
                                       Bytes media, std::vector<PlacedRun> runs);

  StreamPlacer placer_;
  OpusFrames frames_;
  std::string unknown_codec_;
  std::optional<uint32_t> ssrc_;
  std::vector<PlacedRun> held_;  // Opus: audio comes out later than its packets. Only the newest.
};

}  // namespace turret::coordinator
