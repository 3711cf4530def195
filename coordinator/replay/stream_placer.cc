#include "coordinator/replay/stream_placer.h"

#include <algorithm>

#include "fmt/format.h"
#include "storage/base/status.h"
#include "storage/segment/g711.h"

namespace turret::coordinator {
namespace {

// With what the map itself may be off, 20 ms from the truth at most.
constexpr absl::Duration kDriftBehindHoleMax = absl::Milliseconds(5);
constexpr absl::Duration kDriftMax = absl::Milliseconds(10);
constexpr absl::Duration kBackMax = absl::Seconds(1);
constexpr int64_t kTimestampMax = int64_t{1} << 60;  // 4 million years at 8,000 Hz.
constexpr uint32_t kPacketBytesMax = 65'535;         // UDP.

int64_t Plus(int64_t utc_ns, absl::Duration more) {
  return absl::ToUnixNanos(absl::FromUnixNanos(utc_ns) + more);
}
absl::Duration Between(int64_t begin_utc_ns, int64_t end_utc_ns) {
  return absl::FromUnixNanos(end_utc_ns) - absl::FromUnixNanos(begin_utc_ns);
}

std::optional<int64_t> BeginOf(const v1::CallSummary& call) {
  if (call.started_utc_ns() > 0) return call.started_utc_ns();
  std::optional<int64_t> first;
  for (const v1::StreamSummary& stream : call.streams())
    for (const v1::Interval& recorded : stream.recorded())
      if (recorded.begin_utc_ns() > 0)
        first = std::min(first.value_or(recorded.begin_utc_ns()), recorded.begin_utc_ns());
  return first;
}

}  // namespace

CallTimes TimesOf(const v1::CallSummary& call, int64_t now_utc_ns) {
  CallTimes times{.begin_utc_ns = BeginOf(call), .end_utc_ns = std::nullopt, .credible = {}};
  const int64_t ended = call.ended_utc_ns() > 0 ? call.ended_utc_ns() : now_utc_ns;
  const int64_t begin = times.begin_utc_ns.value_or(Plus(ended, -kCallLengthMax));
  const bool is_end = ended >= begin && ended <= Plus(begin, kCallLengthMax);
  if (is_end && call.ended_utc_ns() > 0) times.end_utc_ns = ended;
  const int64_t end = is_end ? ended : ended < begin ? begin : Plus(begin, kCallLengthMax);
  times.credible = {Plus(begin, -kOutsideCallMax), Plus(end, kOutsideCallMax)};
  return times;
}

int64_t PlacedRun::UtcOf(int64_t timestamp) const {
  return TimeMapPiece{
      .clock_rate_hz = kAudioRateHz, .anchor_timestamp = begin_timestamp, .anchor_utc_ns = begin_utc_ns}
      .ToUtc(timestamp);
}

bool StreamPlacer::IsCredible(int64_t utc_ns) const {
  if (utc_ns < credible_.begin_utc_ns || utc_ns > credible_.end_utc_ns) return false;
  return !any_ || Between(utc_ns, end_utc_ns_) <= kBackMax;
}

absl::StatusOr<std::vector<PlacedRun>> StreamPlacer::Place(const v1::SegmentBody& body,
                                                           const std::vector<PacketRow>& packets) {
  std::vector<PlacedRun> runs;
  if (!IsDecodable(body)) return runs;
  if (ssrc_ != body.ssrc()) {
    ssrc_ = body.ssrc();
    base_.reset();
  }
  for (const PacketRow& packet : packets) {
    if (packet.timestamp > kTimestampMax || packet.timestamp < -kTimestampMax)
      return absl::InvalidArgumentError(fmt::format("segment: RTP timestamp {}", packet.timestamp));
    const int64_t end = packet.timestamp + std::min(packet.payload_bytes, kPacketBytesMax);
    if (!runs.empty() && packet.timestamp >= runs.back().begin_timestamp &&
        packet.timestamp <= runs.back().end_timestamp)
      runs.back().end_timestamp = std::max(runs.back().end_timestamp, end);
    else
      runs.push_back({.begin_timestamp = packet.timestamp, .end_timestamp = end});
  }
  for (PlacedRun& run : runs) PlaceRun(TimeMapOf(body), run);
  return runs;
}

void StreamPlacer::PlaceRun(const TimeMapPiece& map, PlacedRun& run) {
  const int64_t mapped = map.ToUtc(run.begin_timestamp);
  run.sure = IsCredible(mapped);
  if (base_.has_value()) {
    const int64_t by_ticks = base_->UtcOf(run.begin_timestamp);
    const absl::Duration allowed = run.begin_timestamp == end_timestamp_ ? kDriftMax : kDriftBehindHoleMax;
    const bool goes_on =
        run.sure ? absl::AbsDuration(Between(by_ticks, mapped)) <= allowed : IsCredible(by_ticks);
    if (!goes_on) base_.reset();
  }
  if (base_.has_value()) {
    run.begin_utc_ns = base_->UtcOf(run.begin_timestamp);
  } else {
    run.begin_utc_ns = run.sure ? mapped : end_utc_ns_;
    base_ = run;
  }
  end_timestamp_ = run.end_timestamp;
  end_utc_ns_ = any_ ? std::max(end_utc_ns_, run.end_utc_ns()) : run.end_utc_ns();
  any_ = true;
}

bool IsDecodable(const v1::SegmentBody& body) {
  G711Law law;
  return IsG711(body.codec(), law) && body.clock_rate_hz() == kAudioRateHz;
}

}  // namespace turret::coordinator
