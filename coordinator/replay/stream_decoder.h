// Segments of one stream, in sequence, to pieces of audio on the UTC line. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/replay/opus_decode.h"
#include "storage/segment/segment_plaintext.h"
#include "turret/v1/archive.pb.h"

namespace turret::coordinator {

struct AudioPiece {
  int64_t begin_utc_ns = 0;
  std::vector<int16_t> samples;  // kAudioRateHz.
};

/// First and last instant that a segment holds audio of; nullopt: none.
struct UtcRange {
  int64_t begin_utc_ns = 0;
  int64_t end_utc_ns = 0;
};
absl::StatusOr<std::optional<UtcRange>> RangeOf(const v1::SegmentBody& body);

/// Within one SSRC, audio lies where RTP ticks put it, so that nothing is stretched, cut or repeated while
/// the fitted drift of the map moves; where ticks and map disagree by more than 20 ms behind a hole (100 ms
/// without one), the map counts again. Not thread-safe.
class StreamDecoder {
 public:
  static absl::StatusOr<StreamDecoder> Create();

  /// Audio is told only where packets were recorded: what an encoder's flush or a run's padding adds is left
  /// out. A codec that is not known here gives none (see `unknown_codec`). Errors: InvalidArgument when the
  /// tables do not parse.
  absl::StatusOr<std::vector<AudioPiece>> Decode(const v1::SegmentBody& body, Bytes media);

  /// Codec that was met and cannot be decoded; empty: none.
  const std::string& unknown_codec() const { return unknown_codec_; }
  uint64_t undecodable_frames() const { return frames_.undecodable_frames(); }

 private:
  struct TickRange {
    int64_t begin = 0;
    int64_t end = 0;
  };
  explicit StreamDecoder(OpusFrames frames) : frames_(std::move(frames)) {}
  absl::StatusOr<std::vector<TickPiece>> DecodeTicks(const v1::SegmentBody& body, Bytes media);
  void AddHeld(const std::vector<PacketRow>& packets);
  std::vector<TickPiece> OnlyHeld(const std::vector<TickPiece>& pieces) const;
  int64_t Place(const v1::SegmentBody& body, const TickPiece& piece);

  OpusFrames frames_;
  std::string unknown_codec_;
  std::optional<uint32_t> ssrc_;
  std::vector<TickRange> held_;  // Of packets, merged; only the newest.
  struct Base {
    int64_t timestamp = 0;
    int64_t utc_ns = 0;
  };
  std::optional<Base> base_;
  int64_t end_timestamp_ = 0;
};

}  // namespace turret::coordinator
