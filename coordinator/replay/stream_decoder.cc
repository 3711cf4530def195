#include "coordinator/replay/stream_decoder.h"

#include <algorithm>

#include "fmt/format.h"
#include "storage/base/status.h"
#include "storage/segment/g711.h"

namespace turret::coordinator {
namespace {

constexpr size_t kHeldRunsMax = 64;  // An encoder is never further behind than that many holes.

std::vector<TickPiece> DecodePayloads(const v1::SegmentBody& body, const std::vector<PacketRow>& packets,
                                      Bytes media) {
  G711Law law;
  if (!IsG711(body.codec(), law)) return {};
  std::vector<TickPiece> pieces;
  size_t offset = 0;
  for (const PacketRow& packet : packets) {
    TickPiece piece{packet.timestamp, {}};
    DecodeG711(law, media.subspan(offset, packet.payload_bytes), piece.samples);
    AppendPiece(pieces, std::move(piece));
    offset += packet.payload_bytes;
  }
  return pieces;
}

// Each piece is made of packets of one run.
std::vector<AudioPiece> PlaceWhole(std::vector<TickPiece> pieces, const std::vector<PlacedRun>& runs) {
  std::vector<AudioPiece> placed;
  for (TickPiece& piece : pieces) {
    const auto run = std::find_if(runs.begin(), runs.end(), [&](const PlacedRun& one) {
      return one.begin_timestamp <= piece.timestamp && piece.timestamp < one.end_timestamp;
    });
    if (run != runs.end()) placed.push_back({run->UtcOf(piece.timestamp), std::move(piece.samples)});
  }
  return placed;
}

std::vector<AudioPiece> PlaceHeld(const std::vector<TickPiece>& pieces, const std::vector<PlacedRun>& held) {
  std::vector<AudioPiece> placed;
  for (const TickPiece& piece : pieces)
    for (const PlacedRun& run : held) {
      const int64_t begin = std::max(piece.timestamp, run.begin_timestamp);
      const int64_t end = std::min(piece.end(), run.end_timestamp);
      if (begin >= end) continue;
      const auto first = piece.samples.begin() + (begin - piece.timestamp);
      placed.push_back({run.UtcOf(begin), std::vector<int16_t>(first, first + (end - begin))});
    }
  return placed;
}

}  // namespace

absl::StatusOr<StreamDecoder> StreamDecoder::Create(StreamPlacer placer) {
  TURRET_ASSIGN_OR_RETURN(OpusFrames frames, OpusFrames::Create());
  return StreamDecoder(std::move(placer), std::move(frames));
}

absl::StatusOr<std::vector<AudioPiece>> StreamDecoder::Decode(const v1::SegmentBody& body, Bytes media) {
  if (!IsDecodable(body)) {
    unknown_codec_ = fmt::format("{}/{}", body.codec().empty() ? "?" : body.codec(), body.clock_rate_hz());
    return std::vector<AudioPiece>{};
  }
  TURRET_ASSIGN_OR_RETURN(const std::vector<PacketRow> packets, DecodePackets(body.packets()));
  TURRET_ASSIGN_OR_RETURN(std::vector<PlacedRun> runs, placer_.Place(body, packets));
  if (body.media() == v1::SegmentBody::PAYLOAD) return PlaceWhole(DecodePayloads(body, packets, media), runs);
  TURRET_ASSIGN_OR_RETURN(const std::vector<FrameRow> rows, turret::DecodeFrames(body.frames()));
  return DecodeFrames(body, rows, media, std::move(runs));
}

std::vector<AudioPiece> StreamDecoder::DecodeFrames(const v1::SegmentBody& body,
                                                    const std::vector<FrameRow>& rows, Bytes media,
                                                    std::vector<PlacedRun> runs) {
  if (ssrc_ != body.ssrc()) held_.clear();
  ssrc_ = body.ssrc();
  held_.insert(held_.end(), runs.begin(), runs.end());
  std::vector<AudioPiece> placed = PlaceHeld(frames_.Decode(rows, media, body.pre_skip_samples()), held_);
  if (held_.size() > kHeldRunsMax) held_.erase(held_.begin(), held_.end() - std::ptrdiff_t{kHeldRunsMax});
  return placed;
}

}  // namespace turret::coordinator
