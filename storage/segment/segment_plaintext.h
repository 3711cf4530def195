// Plaintext of a segment: opening, 32 secret bytes | length of body, u32 | SegmentBody (archive.proto) |
// media bytes. The media bytes stand in one run at the end, so that a shell can cut them out of an exported
// plaintext.
#pragma once

#include <vector>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "storage/base/bytes.h"
#include "storage/base/random.h"
#include "turret/v1/archive.pb.h"

namespace turret {

/// One row of the packet table.
struct PacketRow {
  int64_t sequence = 0;   // Extended (RFC 3550 A.1).
  int64_t timestamp = 0;  // Extended RTP timestamp, ticks.
  int64_t arrival_utc_ns = 0;
  uint32_t payload_bytes = 0;
  uint32_t payload_digest = 0;
  bool marker = false;
  bool while_paused = false;
};

struct FrameRow {
  int64_t timestamp = 0;  // Extended RTP timestamp of the first sample.
  uint32_t frame_bytes = 0;
  uint32_t duration_samples = 0;
  bool starts_run = false;
};

/// The tables, delta coded as archive.proto says.
void EncodePackets(const std::vector<PacketRow>& rows, v1::PacketTable& table);
void EncodeFrames(const std::vector<FrameRow>& rows, v1::FrameTable& table);
/// Errors: InvalidArgument when the columns differ in length, or there are more than 10,000 rows.
absl::StatusOr<std::vector<PacketRow>> DecodePackets(const v1::PacketTable& table);
absl::StatusOr<std::vector<FrameRow>> DecodeFrames(const v1::FrameTable& table);

/// A time map (archive.proto, SegmentBody): extended RTP timestamps to UTC.
struct TimeMapPiece {
  uint32_t clock_rate_hz = 8000;
  int64_t anchor_timestamp = 0;
  int64_t anchor_utc_ns = 0;
  int64_t drift_ppb = 0;

  /// At the ends of what an int64_t holds instead of beyond them.
  int64_t ToUtc(int64_t timestamp) const;
};
/// The map in force in a segment; a clock rate of 0 counts as 8,000 Hz.
TimeMapPiece TimeMapOf(const v1::SegmentBody& body);

/// Builds the plaintext; `random` gives the opening.
Buffer BuildPlaintext(const v1::SegmentBody& body, Bytes media, Random& random);

struct Plaintext {
  v1::SegmentBody body;
  Bytes media;  // Into the caller's buffer.
};
/// Errors: InvalidArgument when the lengths do not fit, the body does not parse, or the tables do not account
/// for every media byte.
absl::StatusOr<Plaintext> ParsePlaintext(Bytes plaintext ABSL_ATTRIBUTE_LIFETIME_BOUND);

}  // namespace turret
