// Cuts the ordered packets of one stream into segments and seals them, each naming its predecessor.
//
// What the recorder makes of a spool must not depend on how often it reads it: reading again after a crash
// yields the same bytes, hashes and chain, and the archive answers "I have that". So a segment's opening and
// salt come from a secret generator keyed by unit key, stream, sequence and the digest of all that goes into
// the segment; two segments that differ in anything have different salts, and no nonce ever repeats. And
// little of what came before a cut counts for what comes after, of an Opus encoder's past the last frames:
// Save() tells it.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "node/encode/opus_encoder.h"
#include "node/encode/pairing_digest.h"
#include "node/encode/payload_codec.h"
#include "node/order/gaps.h"
#include "storage/base/secret.h"
#include "storage/segment/segment.h"
#include "storage/segment/segment_plaintext.h"
#include "turret/v1/spool.pb.h"

namespace turret::node {

inline constexpr int64_t kSegmentSecondsOpus = 10;
inline constexpr int64_t kSegmentSecondsExact = 5;
inline constexpr size_t kSegmentMediaBytesMax = size_t{512} * 1024;
inline constexpr size_t kSegmentPacketsMax = 9'000;
inline constexpr size_t kOpenRememberedMax = 16;  // Packets.

struct SegmentWriterOptions {
  SegmentNames names;  // Of the first segment.
  CallId call;
  uint32_t ssrc = 0;
  uint32_t clock_rate_hz = 8000;
  v1::Policy policy = v1::POLICY_EXACT;
  uint32_t opus_bitrate = 0;
};

/// A segment that is done.
struct WrittenSegment {
  uint64_t sequence = 0;
  Buffer sealed;
  uint64_t position_oldest = 0;  // In the spool, of its packets.
  int64_t arrival_utc_ns_newest = 0;
};

/// Threading: one thread.
class SegmentWriter {
 public:
  using Done = absl::FunctionRef<void(WrittenSegment)>;

  /// `unit_key` is cloned. Errors: Internal when the encoder cannot be
  /// made; InvalidArgument when the names cannot be sealed under.
  static absl::StatusOr<SegmentWriter> Create(const SegmentWriterOptions& options, const SecretKey& unit_key,
                                              Bytes pairing_key);

  /// Before a packet is placed: ends the segment if the packet no longer fits, the run if it lies too far
  /// off. When AtCut() holds afterwards, the time map may be changed.
  void Prepare(const OrderedPacket& packet, const PacketMedia& media, const PayloadCodec& codec, Done done);
  /// One packet, in order. `map` is the time map in force; if it is another one than before, the segment is
  /// cut.
  void Add(const OrderedPacket& packet, const Placed& placed, const PayloadCodec& codec,
           const TimeMapPiece& map, bool while_paused, Done done);
  /// Ends the segment; with `end_run`, the Opus run too (nothing is held back any more).
  void Cut(bool end_run, Done done);
  /// True when the next packet begins a segment.
  bool AtCut() const { return rows_.empty() && frames_.empty(); }

  /// Few packets are in the open segment, so that Save() is short.
  bool rememberable() const { return rows_.size() == open_.size(); }
  /// Another writer of the same names goes on from here and makes the same segments. Only when rememberable.
  v1::SegmentWriterState Save() const;
  /// On a writer that was made just now. `codec_of`: as was handed to Add; `map`: in force in the open
  /// segment.
  void Restore(const v1::SegmentWriterState& state,
               absl::FunctionRef<const PayloadCodec&(uint8_t payload_type)> codec_of,
               const TimeMapPiece& map);

  uint64_t segments() const { return names_.sequence; }           // Sealed so far.
  const Digest& last_hash() const { return names_.predecessor; }  // Zeros before the first.
  /// Oldest spool position that is in no sealed segment; UINT64_MAX: none.
  uint64_t OldestNeeded() const { return position_oldest_; }

 private:
  static constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();
  SegmentWriter(const SegmentWriterOptions& options, const SecretKey& unit_key, Bytes pairing_key);

  void Begin(const OrderedPacket& packet, bool as_opus, const PayloadCodec& codec, const TimeMapPiece& map);
  void EndRun();
  void KeepOpen(const OrderedPacket& packet, const Placed& placed, bool while_paused);
  void ForgetOpen();
  void TakeFrame(const OpusRunEncoder::Frame& frame);
  void Seal(Done done);
  v1::SegmentBody MakeBody() const;

  SegmentNames names_;
  CallId call_;
  uint32_t ssrc_;
  uint32_t clock_rate_hz_;
  SecretKey unit_key_;
  SecretKey derivation_key_;  // Of openings and salts.
  PairingDigest pairing_;
  std::optional<OpusRunEncoder> opus_;  // Absent in exact policy.

  // The open segment.
  v1::SegmentBody::Media media_ = v1::SegmentBody::PAYLOAD;
  std::string codec_;
  uint8_t payload_type_ = 0;
  TimeMapPiece map_;
  int64_t first_timestamp_ = 0;
  int64_t end_timestamp_ = 0;
  std::vector<PacketRow> rows_;
  std::vector<FrameRow> frames_;
  Buffer media_bytes_;  // Payloads or frames.
  size_t payload_bytes_ = 0;
  Digest payload_opening_{};
  std::optional<Sha256Stream> payload_hash_;  // Absent where the payloads stand in media_bytes_.
  uint64_t position_oldest_ = kNone;
  std::optional<v1::OpusRunState> opus_at_cut_;  // Absent: no run went on over it.
  std::vector<v1::OpenPacket> open_;             // Packets of the open segment, the first few.
  int64_t arrival_newest_ = 0;
  std::vector<int16_t> samples_;  // Scratch.
};

}  // namespace turret::node
