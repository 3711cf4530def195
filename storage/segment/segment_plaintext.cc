#include "storage/segment/segment_plaintext.h"

#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "fmt/format.h"
#include "storage/base/status.h"
#include "storage/segment/segment.h"

namespace turret {
namespace {

constexpr int kRowsMax = 10'000;
constexpr uint32_t kFlagMarker = 1;
constexpr uint32_t kFlagWhilePaused = 2;

// Wraps instead of overflowing: tables that come from outside hold anything.
int64_t Add(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
int64_t Subtract(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

int64_t Saturated(__int128 value) {
  return static_cast<int64_t>(
      std::clamp<__int128>(value, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()));
}

absl::Status CheckColumns(std::initializer_list<int> sizes) {
  const int rows = *sizes.begin();
  if (rows > kRowsMax)
    return absl::InvalidArgumentError(fmt::format("segment table: {} rows, at most {}", rows, kRowsMax));
  for (int size : sizes)
    if (size != rows)
      return absl::InvalidArgumentError(fmt::format("segment table: columns of {} and {} rows", rows, size));
  return absl::OkStatus();
}

template <class Column>
uint64_t Sum(const Column& column) {
  uint64_t sum = 0;
  for (uint32_t value : column) sum += value;
  return sum;
}

absl::Status CheckMedia(const v1::SegmentBody& body, size_t media_bytes) {
  TURRET_RETURN_IF_ERROR(DecodePackets(body.packets()).status());
  TURRET_RETURN_IF_ERROR(DecodeFrames(body.frames()).status());
  uint64_t told = 0;
  switch (body.media()) {
    case v1::SegmentBody::PAYLOAD:
      if (body.has_frames()) return absl::InvalidArgumentError("segment body: frames beside the payload");
      told = Sum(body.packets().payload_bytes());
      break;
    case v1::SegmentBody::OPUS:
      told = Sum(body.frames().frame_bytes());
      break;
    default:
      return absl::InvalidArgumentError(
          fmt::format("segment body: media kind {}", static_cast<int>(body.media())));
  }
  if (told == media_bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("segment body: tables account for {} media bytes, there are {}", told, media_bytes));
}

}  // namespace

void EncodePackets(const std::vector<PacketRow>& rows, v1::PacketTable& table) {
  PacketRow before;
  for (const PacketRow& row : rows) {
    table.add_sequence_delta(Subtract(row.sequence, before.sequence));
    table.add_timestamp_delta(Subtract(row.timestamp, before.timestamp));
    table.add_arrival_delta_ns(Subtract(row.arrival_utc_ns, before.arrival_utc_ns));
    table.add_payload_bytes(row.payload_bytes);
    table.add_payload_digest(row.payload_digest);
    table.add_flags((row.marker ? kFlagMarker : 0) | (row.while_paused ? kFlagWhilePaused : 0));
    before = row;
  }
}

void EncodeFrames(const std::vector<FrameRow>& rows, v1::FrameTable& table) {
  int64_t before = 0;
  for (const FrameRow& row : rows) {
    table.add_timestamp_delta(Subtract(row.timestamp, before));
    table.add_frame_bytes(row.frame_bytes);
    table.add_duration_samples(row.duration_samples);
    table.add_starts_run(row.starts_run);
    before = row.timestamp;
  }
}

absl::StatusOr<std::vector<PacketRow>> DecodePackets(const v1::PacketTable& table) {
  TURRET_RETURN_IF_ERROR(
      CheckColumns({table.sequence_delta_size(), table.timestamp_delta_size(), table.arrival_delta_ns_size(),
                    table.payload_bytes_size(), table.payload_digest_size(), table.flags_size()}));
  std::vector<PacketRow> rows(static_cast<size_t>(table.sequence_delta_size()));
  PacketRow before;
  for (int i = 0; i < table.sequence_delta_size(); ++i) {
    if (table.flags(i) > (kFlagMarker | kFlagWhilePaused))
      return absl::InvalidArgumentError(fmt::format("segment table: flags {} in row {}", table.flags(i), i));
    PacketRow& row = rows[static_cast<size_t>(i)];
    row.sequence = Add(before.sequence, table.sequence_delta(i));
    row.timestamp = Add(before.timestamp, table.timestamp_delta(i));
    row.arrival_utc_ns = Add(before.arrival_utc_ns, table.arrival_delta_ns(i));
    row.payload_bytes = table.payload_bytes(i);
    row.payload_digest = table.payload_digest(i);
    row.marker = (table.flags(i) & kFlagMarker) != 0;
    row.while_paused = (table.flags(i) & kFlagWhilePaused) != 0;
    before = row;
  }
  return rows;
}

absl::StatusOr<std::vector<FrameRow>> DecodeFrames(const v1::FrameTable& table) {
  TURRET_RETURN_IF_ERROR(CheckColumns({table.timestamp_delta_size(), table.frame_bytes_size(),
                                       table.duration_samples_size(), table.starts_run_size()}));
  std::vector<FrameRow> rows(static_cast<size_t>(table.timestamp_delta_size()));
  int64_t before = 0;
  for (int i = 0; i < table.timestamp_delta_size(); ++i) {
    FrameRow& row = rows[static_cast<size_t>(i)];
    row.timestamp = before = Add(before, table.timestamp_delta(i));
    row.frame_bytes = table.frame_bytes(i);
    row.duration_samples = table.duration_samples(i);
    row.starts_run = table.starts_run(i);
  }
  return rows;
}

int64_t TimeMapPiece::ToUtc(int64_t timestamp) const {
  const __int128 ticks = static_cast<__int128>(timestamp) - anchor_timestamp;
  const __int128 nominal_ns = Saturated(ticks * 1'000'000'000 / clock_rate_hz);
  return Saturated(anchor_utc_ns + nominal_ns + nominal_ns * drift_ppb / 1'000'000'000);
}

TimeMapPiece TimeMapOf(const v1::SegmentBody& body) {
  return {.clock_rate_hz = body.clock_rate_hz() == 0 ? 8000 : body.clock_rate_hz(),
          .anchor_timestamp = body.anchor_timestamp(),
          .anchor_utc_ns = body.anchor_utc_ns(),
          .drift_ppb = body.drift_ppb()};
}

Buffer BuildPlaintext(const v1::SegmentBody& body, Bytes media, Random& random) {
  const size_t body_bytes = body.ByteSizeLong();
  Buffer out(kOpeningBytes);
  out.reserve(kOpeningBytes + 4 + body_bytes + media.size());
  random.Fill(out);
  StoreU32(out, static_cast<uint32_t>(body_bytes));
  out.resize(kOpeningBytes + 4 + body_bytes);
  body.SerializeWithCachedSizesToArray(out.data() + kOpeningBytes + 4);
  Append(out, media);
  return out;
}

absl::StatusOr<Plaintext> ParsePlaintext(Bytes plaintext) {
  constexpr size_t kBodyAt = kOpeningBytes + 4;
  if (plaintext.size() < kBodyAt)
    return absl::InvalidArgumentError(
        fmt::format("segment plaintext: {} bytes are too few", plaintext.size()));
  const uint32_t body_bytes = LoadU32(plaintext.subspan(kOpeningBytes));
  if (body_bytes > plaintext.size() - kBodyAt)
    return absl::InvalidArgumentError(
        fmt::format("segment plaintext: a body of {} bytes in {}", body_bytes, plaintext.size()));
  Plaintext parsed;
  if (!parsed.body.ParseFromArray(plaintext.data() + kBodyAt, static_cast<int>(body_bytes)))
    return absl::InvalidArgumentError("segment plaintext: the body does not parse");
  parsed.media = plaintext.subspan(kBodyAt + body_bytes);
  TURRET_RETURN_IF_ERROR(CheckMedia(parsed.body, parsed.media.size()));
  return parsed;
}

}  // namespace turret
