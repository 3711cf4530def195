#include "coordinator/replay/stream_decoder.h"

#include <algorithm>
#include <cstdlib>

#include "fmt/format.h"
#include "storage/base/status.h"
#include "storage/segment/g711.h"

namespace turret::coordinator {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kSampleNs = kSecondNs / kAudioRateHz;
static_assert(kSampleNs * kAudioRateHz == kSecondNs);
constexpr int64_t kDriftBehindHoleNsMax = 20'000'000;
constexpr int64_t kDriftNsMax = 100'000'000;
constexpr size_t kHeldRangesMax = 64;  // An encoder is never further behind than that many holes.

bool IsDecodable(const v1::SegmentBody& body) {
  G711Law law;
  return IsG711(body.codec(), law) && body.clock_rate_hz() == kAudioRateHz;
}

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

}  // namespace

absl::StatusOr<std::optional<UtcRange>> RangeOf(const v1::SegmentBody& body) {
  TURRET_ASSIGN_OR_RETURN(const std::vector<PacketRow> packets, DecodePackets(body.packets()));
  if (packets.empty()) return std::nullopt;
  const bool decodable = IsDecodable(body);
  int64_t begin = packets.front().timestamp;
  int64_t end = begin;
  for (const PacketRow& packet : packets) {
    begin = std::min(begin, packet.timestamp);
    end = std::max(end, packet.timestamp + (decodable ? int64_t{packet.payload_bytes} : 0));
  }
  const TimeMapPiece map = TimeMapOf(body);
  return UtcRange{map.ToUtc(begin), map.ToUtc(end)};
}

absl::StatusOr<StreamDecoder> StreamDecoder::Create() {
  TURRET_ASSIGN_OR_RETURN(OpusFrames frames, OpusFrames::Create());
  return StreamDecoder(std::move(frames));
}

absl::StatusOr<std::vector<AudioPiece>> StreamDecoder::Decode(const v1::SegmentBody& body, Bytes media) {
  if (!IsDecodable(body)) {
    unknown_codec_ = fmt::format("{}/{}", body.codec().empty() ? "?" : body.codec(), body.clock_rate_hz());
    return std::vector<AudioPiece>{};
  }
  if (ssrc_ != body.ssrc()) {
    ssrc_ = body.ssrc();
    held_.clear();
    base_.reset();
  }
  TURRET_ASSIGN_OR_RETURN(std::vector<TickPiece> pieces, DecodeTicks(body, media));
  std::vector<AudioPiece> placed;
  for (TickPiece& piece : pieces) {
    const int64_t begin_utc_ns = Place(body, piece);
    placed.push_back({begin_utc_ns, std::move(piece.samples)});
  }
  return placed;
}

absl::StatusOr<std::vector<TickPiece>> StreamDecoder::DecodeTicks(const v1::SegmentBody& body, Bytes media) {
  TURRET_ASSIGN_OR_RETURN(const std::vector<PacketRow> packets, DecodePackets(body.packets()));
  if (body.media() == v1::SegmentBody::PAYLOAD) return DecodePayloads(body, packets, media);
  TURRET_ASSIGN_OR_RETURN(const std::vector<FrameRow> rows, DecodeFrames(body.frames()));
  AddHeld(packets);
  std::vector<TickPiece> kept = OnlyHeld(frames_.Decode(rows, media, body.pre_skip_samples()));
  if (held_.size() > kHeldRangesMax) held_.erase(held_.begin(), held_.end() - std::ptrdiff_t{kHeldRangesMax});
  return kept;
}

void StreamDecoder::AddHeld(const std::vector<PacketRow>& packets) {
  for (const PacketRow& packet : packets) {
    const TickRange range{packet.timestamp, packet.timestamp + int64_t{packet.payload_bytes}};
    if (!held_.empty() && range.begin >= held_.back().begin && range.begin <= held_.back().end)
      held_.back().end = std::max(held_.back().end, range.end);
    else
      held_.push_back(range);
  }
}

std::vector<TickPiece> StreamDecoder::OnlyHeld(const std::vector<TickPiece>& pieces) const {
  std::vector<TickPiece> kept;
  for (const TickPiece& piece : pieces)
    for (const TickRange& range : held_) {
      const int64_t begin = std::max(piece.timestamp, range.begin);
      const int64_t end = std::min(piece.end(), range.end);
      if (begin >= end) continue;
      const auto first = piece.samples.begin() + (begin - piece.timestamp);
      AppendPiece(kept, {begin, std::vector<int16_t>(first, first + (end - begin))});
    }
  return kept;
}

int64_t StreamDecoder::Place(const v1::SegmentBody& body, const TickPiece& piece) {
  const int64_t mapped = TimeMapOf(body).ToUtc(piece.timestamp);
  if (base_.has_value()) {
    const int64_t by_ticks = base_->utc_ns + (piece.timestamp - base_->timestamp) * kSampleNs;
    const int64_t allowed = piece.timestamp == end_timestamp_ ? kDriftNsMax : kDriftBehindHoleNsMax;
    if (std::abs(mapped - by_ticks) > allowed) base_.reset();
  }
  if (!base_.has_value()) base_ = Base{piece.timestamp, mapped};
  end_timestamp_ = piece.end();
  return base_->utc_ns + (piece.timestamp - base_->timestamp) * kSampleNs;
}

}  // namespace turret::coordinator
