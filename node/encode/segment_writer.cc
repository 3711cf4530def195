#include "node/encode/segment_writer.h"

#include <algorithm>

#include "storage/base/digest.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

constexpr size_t kPacketsExpected = kSegmentSecondsExact * 1000 / 20;  // RFC 3551 4.2: 20 ms is the default.
constexpr std::string_view kDerivationInfo = "turret segment randomness v1";

// Repeats itself for the same segment and for no other: HMAC in counter mode.
class DerivedRandom final : public Random {
 public:
  explicit DerivedRandom(const Digest& seed) : seed_(seed) {}
  ~DerivedRandom() override { Wipe(seed_); }
  void Fill(std::span<uint8_t> out) override {
    while (!out.empty()) {
      Buffer counter;
      StoreU64(counter, counter_++);
      const Digest block = HmacSha256(seed_, counter);
      const size_t bytes = std::min(out.size(), block.size());
      std::copy_n(block.begin(), bytes, out.begin());
      out = out.subspan(bytes);
    }
  }

 private:
  Digest seed_;
  uint64_t counter_ = 0;
};

Digest DeriveSeed(const SecretKey& key, std::string_view use, const SegmentNames& names, Bytes content) {
  Buffer message = ToBuffer(AsBytes(use));
  Append(message, names.stream.bytes());
  StoreU64(message, names.sequence);
  Append(message, names.predecessor);
  Append(message, content);
  return HmacSha256(key.bytes(), message);
}

bool SameMap(const TimeMapPiece& a, const TimeMapPiece& b) {
  return a.anchor_timestamp == b.anchor_timestamp && a.anchor_utc_ns == b.anchor_utc_ns &&
         a.drift_ppb == b.drift_ppb;
}

}  // namespace

SegmentWriter::SegmentWriter(const SegmentWriterOptions& options, const SecretKey& unit_key,
                             Bytes pairing_key)
    : names_(options.names),
      call_(options.call),
      ssrc_(options.ssrc),
      clock_rate_hz_(options.clock_rate_hz),
      unit_key_(unit_key.Clone()),
      pairing_(pairing_key) {
  HkdfSha256(unit_key.bytes(), Digest{}, kDerivationInfo, derivation_key_.mutable_bytes());
}

absl::StatusOr<SegmentWriter> SegmentWriter::Create(const SegmentWriterOptions& options,
                                                    const SecretKey& unit_key, Bytes pairing_key) {
  SegmentWriter writer(options, unit_key, pairing_key);
  DerivedRandom trial({});  // So that no seal can fail later.
  TURRET_RETURN_IF_ERROR(SealSegment(options.names, unit_key, Buffer(kOpeningBytes), trial).status());
  if (options.policy != v1::POLICY_EXACT && options.clock_rate_hz == 8000) {
    TURRET_ASSIGN_OR_RETURN(OpusRunEncoder encoder, OpusRunEncoder::Create(options.opus_bitrate));
    writer.opus_.emplace(std::move(encoder));
  }
  return writer;
}

void SegmentWriter::Prepare(const OrderedPacket& packet, const PacketMedia& media, const PayloadCodec& codec,
                            Done done) {
  if (AtCut()) return;
  if (packet.timestamp - end_timestamp_ > kOpusGapTicksMax) EndRun();
  const int64_t seconds = media_ == v1::SegmentBody::OPUS ? kSegmentSecondsOpus : kSegmentSecondsExact;
  const int64_t end_timestamp = packet.timestamp + std::max<int64_t>(media.duration_ticks, 0);
  const bool full = end_timestamp - first_timestamp_ > seconds * int64_t{clock_rate_hz_} ||
                    payload_bytes_ + packet.payload.size() > kSegmentMediaBytesMax ||
                    rows_.size() >= kSegmentPacketsMax;
  const bool as_opus = opus_ && codec.is_g711;
  if (full) Cut(/*end_run=*/as_opus != (media_ == v1::SegmentBody::OPUS), done);
}

void SegmentWriter::Add(const OrderedPacket& packet, const Placed& placed, const PayloadCodec& codec,
                        const TimeMapPiece& map, bool while_paused, Done done) {
  const bool as_opus = opus_ && codec.is_g711;
  if (!AtCut()) {
    const bool other_kind =
        packet.payload_type != payload_type_ || as_opus != (media_ == v1::SegmentBody::OPUS);
    if (other_kind || placed.new_map || !SameMap(map, map_)) Cut(/*end_run=*/true, done);
  }
  if (AtCut()) Begin(packet, as_opus, codec, map);
  KeepOpen(packet, placed, while_paused);
  rows_.push_back({.sequence = packet.sequence,
                   .timestamp = packet.timestamp,
                   .arrival_utc_ns = packet.arrival_utc_ns,
                   .payload_bytes = static_cast<uint32_t>(packet.payload.size()),
                   .payload_digest = pairing_.Of(packet.payload),
                   .marker = packet.marker,
                   .while_paused = while_paused});
  if (payload_hash_) payload_hash_->Update(packet.payload);
  payload_bytes_ += packet.payload.size();
  position_oldest_ = std::min(position_oldest_, packet.position);
  arrival_newest_ = std::max(arrival_newest_, packet.arrival_utc_ns);
  end_timestamp_ = placed.end_timestamp;
  if (!as_opus) return Append(media_bytes_, packet.payload);
  samples_.clear();
  DecodeG711(codec.law, packet.payload, samples_);
  opus_->Feed(packet.timestamp, samples_, [this](const OpusRunEncoder::Frame& frame) { TakeFrame(frame); });
}

void SegmentWriter::Cut(bool end_run, Done done) {
  if (end_run) EndRun();
  if (!AtCut()) Seal(done);
}

void SegmentWriter::Begin(const OrderedPacket& packet, bool as_opus, const PayloadCodec& codec,
                          const TimeMapPiece& map) {
  media_ = as_opus ? v1::SegmentBody::OPUS : v1::SegmentBody::PAYLOAD;
  codec_ = codec.name;
  payload_type_ = packet.payload_type;
  map_ = map;
  first_timestamp_ = packet.timestamp;
  payload_opening_ = DeriveSeed(derivation_key_, "payload opening", names_, {});
  payload_hash_.reset();
  if (!as_opus) return media_bytes_.reserve(packet.payload.size() * kPacketsExpected);
  payload_hash_.emplace();
  payload_hash_->Update(payload_opening_);
}

void SegmentWriter::EndRun() {
  if (opus_) opus_->EndRun([this](const OpusRunEncoder::Frame& frame) { TakeFrame(frame); });
}

void SegmentWriter::TakeFrame(const OpusRunEncoder::Frame& frame) {
  frames_.push_back({.timestamp = frame.timestamp,
                     .frame_bytes = static_cast<uint32_t>(frame.bytes.size()),
                     .duration_samples = frame.duration_samples,
                     .starts_run = frame.starts_run});
  Append(media_bytes_, frame.bytes);
}

void SegmentWriter::Seal(Done done) {
  const v1::SegmentBody body = MakeBody();
  // Payloads stand in the body by their digest; Opus frames do not.
  const Bytes frame_bytes = media_ == v1::SegmentBody::OPUS ? Bytes(media_bytes_) : Bytes();
  const Digest content = Sha256({AsBytes(body.SerializeAsString()), frame_bytes});
  DerivedRandom random(DeriveSeed(derivation_key_, "opening and salt", names_, content));
  Buffer plaintext = BuildPlaintext(body, media_bytes_, random);
  absl::StatusOr<Buffer> sealed = SealSegment(names_, unit_key_, plaintext, random);
  Wipe(plaintext);
  // Bounded by the limits above, and its names were checked when the writer was made.
  if (!sealed.ok()) std::abort();
  WrittenSegment written{.sequence = names_.sequence,
                         .sealed = *std::move(sealed),
                         .position_oldest = position_oldest_,
                         .arrival_utc_ns_newest = arrival_newest_};
  names_.predecessor = SegmentHash(written.sealed);
  ++names_.sequence;
  position_oldest_ = kNone;
  rows_.clear();
  frames_.clear();
  Wipe(media_bytes_);
  media_bytes_.clear();
  payload_bytes_ = 0;
  ForgetOpen();
  opus_at_cut_.reset();
  if (opus_ && opus_->running()) {
    opus_->ForgetPast();
    opus_at_cut_ = opus_->Save();
  }
  done(std::move(written));
}

void SegmentWriter::KeepOpen(const OrderedPacket& packet, const Placed& placed, bool while_paused) {
  if (rows_.size() >= kOpenRememberedMax) return ForgetOpen();
  v1::OpenPacket& open = open_.emplace_back();
  open.set_sequence(packet.sequence);
  open.set_timestamp(packet.timestamp);
  open.set_arrival_utc_ns(packet.arrival_utc_ns);
  open.set_position(packet.position);
  open.set_payload_type(packet.payload_type);
  open.set_marker(packet.marker);
  open.set_payload(ToString(packet.payload));
  open.set_end_timestamp(placed.end_timestamp);
  open.set_while_paused(while_paused);
}

void SegmentWriter::ForgetOpen() {
  for (v1::OpenPacket& open : open_) Wipe(*open.mutable_payload());
  open_.clear();
}

v1::SegmentWriterState SegmentWriter::Save() const {
  v1::SegmentWriterState state;
  state.set_segments(names_.sequence);
  if (names_.sequence > 0) state.set_last_segment_hash(ToString(names_.predecessor));
  if (opus_at_cut_) *state.mutable_opus() = *opus_at_cut_;
  state.mutable_open()->Assign(open_.begin(), open_.end());
  return state;
}

void SegmentWriter::Restore(const v1::SegmentWriterState& state,
                            absl::FunctionRef<const PayloadCodec&(uint8_t payload_type)> codec_of,
                            const TimeMapPiece& map) {
  if (opus_ && state.has_opus()) {
    opus_->Restore(state.opus());
    opus_at_cut_ = state.opus();
  }
  for (const v1::OpenPacket& open : state.open())
    Add({.sequence = open.sequence(),
         .timestamp = open.timestamp(),
         .arrival_utc_ns = open.arrival_utc_ns(),
         .position = open.position(),
         .payload_type = static_cast<uint8_t>(open.payload_type()),
         .marker = open.marker(),
         .payload = AsBytes(open.payload())},
        {.end_timestamp = open.end_timestamp()}, codec_of(static_cast<uint8_t>(open.payload_type())), map,
        open.while_paused(), [](const WrittenSegment&) {});
}

v1::SegmentBody SegmentWriter::MakeBody() const {
  v1::SegmentBody body;
  body.set_media(media_);
  EncodePackets(rows_, *body.mutable_packets());
  body.set_codec(codec_);
  body.set_clock_rate_hz(clock_rate_hz_);
  body.set_ssrc(ssrc_);
  body.set_payload_type(payload_type_);
  if (media_ == v1::SegmentBody::OPUS) {
    EncodeFrames(frames_, *body.mutable_frames());
    body.set_encoder(opus_->identity());
    body.set_pre_skip_samples(opus_->pre_skip_samples());
  }
  body.set_payload_opening(ToString(payload_opening_));
  body.set_payload_digest(
      ToString(payload_hash_ ? payload_hash_->Peek() : Sha256({payload_opening_, media_bytes_})));
  body.set_anchor_timestamp(map_.anchor_timestamp);
  body.set_anchor_utc_ns(map_.anchor_utc_ns);
  body.set_drift_ppb(map_.drift_ppb);
  body.set_call_id(call_.ToProto());
  return body;
}

}  // namespace turret::node
