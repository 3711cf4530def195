#include "node/order/gaps.h"

#include <algorithm>
#include <cstdlib>

namespace turret::node {
namespace {

constexpr int64_t kAgreementNs = 100'000'000;  // CAPTURE.md: "100 ms plus drift".
constexpr int64_t kDriftPpmMax = 200;
constexpr int64_t kExactNs = 10'000'000;  // Behind a hole that no map is known to be good for.
constexpr int64_t kContinuityNs = int64_t{20} * 60 * 1'000'000'000;  // After that, 16 bits prove nothing.
constexpr int64_t kSpacingMillisMax = 200;
constexpr int64_t kSequences = 65'536;  // RFC 3550 5.1: 16 bits.

}  // namespace

Placed GapFinder::Add(const OrderedPacket& packet, const PacketMedia& media) {
  Placed placed;
  if (!map_) {
    const int64_t length_ns = options_.ptime_ticks * 1'000'000'000 / options_.clock_rate_hz;
    int64_t anchor_utc_ns = packet.anchor_utc_ns;
    if (std::abs(anchor_utc_ns - options_.snap_utc_ns) <= length_ns) anchor_utc_ns = options_.snap_utc_ns;
    map_.emplace(options_.clock_rate_hz, packet.timestamp, anchor_utc_ns);
    end_timestamp_ = packet.timestamp;
    end_utc_ns_ = anchor_utc_ns;
    placed.new_map = true;
  } else if (Continues(packet)) {
    lost_ += packet.missing_before;
  } else {
    bool agrees = true;
    Hole hole = Judge(packet, agrees);
    lost_ += hole.missing_packets;
    if (!agrees) Restart(packet, placed);
    hole.interval = {end_utc_ns_, std::max(end_utc_ns_, map_->ToUtc(packet.timestamp))};
    if (hole.interval.begin_ns < hole.interval.end_ns) placed.hole = hole;
    end_timestamp_ = packet.timestamp;
    end_utc_ns_ = hole.interval.end_ns;
  }
  map_->Observe(packet.timestamp, packet.arrival_utc_ns);

  placed.begin_timestamp = end_timestamp_;
  placed.interval.begin_ns = end_utc_ns_;
  end_timestamp_ = std::max(end_timestamp_, packet.timestamp + DurationOf(packet, media));
  end_utc_ns_ = std::max(end_utc_ns_, map_->ToUtc(end_timestamp_));
  placed.end_timestamp = end_timestamp_;
  placed.interval.end_ns = end_utc_ns_;
  last_timestamp_ = packet.timestamp;
  last_sequence_ = packet.sequence;
  last_arrival_utc_ns_ = packet.arrival_utc_ns;
  last_was_comfort_noise_ = media.comfort_noise;
  duration_was_told_ = media.duration_ticks >= 0;
  return placed;
}

void GapFinder::Refit(int64_t next) {
  if (map_) map_->Refit(end_timestamp_, next);
}

// No time passed between the last packet and this one, or less than its length can be told from its payload.
bool GapFinder::Continues(const OrderedPacket& packet) const {
  if (packet.restarted) return false;
  const int64_t jump = packet.timestamp - end_timestamp_;
  if (jump <= 0) return true;
  if (packet.missing_before > 0 || last_was_comfort_noise_) return false;
  return jump < spacing_ticks_ / 4 ||
         (!duration_was_told_ && packet.timestamp - last_timestamp_ <= SpacingMax());
}

int64_t GapFinder::SpacingMax() const { return kSpacingMillisMax * int64_t{options_.clock_rate_hz} / 1000; }

// What the time between the last packet's end and this packet was. `agrees`: the source's clock ran on
// meanwhile.
Hole GapFinder::Judge(const OrderedPacket& packet, bool& agrees) const {
  const int64_t jump = packet.timestamp - end_timestamp_;
  const int64_t elapsed_ns = packet.arrival_utc_ns - last_arrival_utc_ns_;
  const int64_t delay_ns = packet.arrival_utc_ns - map_->ToUtc(packet.timestamp) - map_->residual_least_ns();
  const bool in_time = std::abs(delay_ns) <= kAgreementNs + elapsed_ns * kDriftPpmMax / 1'000'000;
  const bool continuous = elapsed_ns < kContinuityNs;
  const auto missing_ticks = static_cast<int64_t>(packet.missing_before) * spacing_ticks_;
  const bool counted = packet.missing_before > 0 && std::abs(jump - missing_ticks) <= spacing_ticks_;

  Hole hole;
  if (packet.after_outage && JudgeOutage(packet, in_time, hole)) {
    agrees = counted || in_time;
    return hole;
  }
  if (packet.missing_before > 0 && continuous && (!packet.restarted || (counted && in_time))) {
    hole.cause = v1::GAP_CAUSE_PACKET_LOSS;
    hole.first_missing_sequence = packet.sequence - static_cast<int64_t>(packet.missing_before);
    hole.missing_packets = packet.missing_before;
    agrees = counted || in_time;
    return hole;
  }
  const int64_t least_delay_ns = delay_ns - (packet.arrival_utc_ns - packet.anchor_utc_ns);
  const bool exact =
      !map_->IsBeyond(end_timestamp_, packet.timestamp) || std::abs(least_delay_ns) <= kExactNs;
  hole.silence = continuous && in_time && !packet.restarted && (last_was_comfort_noise_ || packet.marker);
  if (!hole.silence) hole.cause = v1::GAP_CAUSE_SOURCE_DISCONTINUITY;
  agrees = in_time && exact;
  return hole;
}

// What came while this node was down is missing by the packet where number and timestamp agree; the numbers
// go round every 65,536 packets. False: nothing came, or nothing that numbers prove.
bool GapFinder::JudgeOutage(const OrderedPacket& packet, bool in_time, Hole& hole) const {
  const bool jumped = packet.missing_before > 0 || packet.restarted;
  const int64_t skipped = packet.sequence - last_sequence_ - 1;
  const int64_t expected = (packet.timestamp - end_timestamp_) / std::max<int64_t>(1, spacing_ticks_);
  const int64_t rounds = (expected - skipped + kSequences / 2) / kSequences;
  const int64_t missing = skipped + std::max<int64_t>(0, rounds) * kSequences;
  const bool counted = in_time && std::abs(expected - missing) <= 1;
  if (!jumped && (rounds <= 0 || !counted)) return false;
  hole.cause = v1::GAP_CAUSE_NODE_DOWN;
  hole.missing_packets = counted ? static_cast<uint64_t>(missing) : packet.missing_before;
  if (hole.missing_packets > 0) hole.first_missing_sequence = last_sequence_ + 1;
  return true;
}

// The source's clock does not tell how much time passed: the arrival does.
void GapFinder::Restart(const OrderedPacket& packet, Placed& placed) {
  const int64_t packet_ns = spacing_ticks_ * 1'000'000'000 / options_.clock_rate_hz;
  int64_t begin_utc_ns = packet.anchor_utc_ns - map_->residual_least_ns();
  if (begin_utc_ns < end_utc_ns_ + packet_ns) begin_utc_ns = end_utc_ns_;
  map_.emplace(options_.clock_rate_hz, packet.timestamp, begin_utc_ns);
  placed.new_map = true;
}

int64_t GapFinder::DurationOf(const OrderedPacket& packet, const PacketMedia& media) {
  const int64_t spacing = packet.timestamp - last_timestamp_;
  const bool consecutive = last_arrival_utc_ns_ != 0 && packet.missing_before == 0 && !packet.restarted;
  if (consecutive && spacing > 0 && spacing <= SpacingMax()) spacing_ticks_ = spacing;
  if (media.duration_ticks >= 0) return media.duration_ticks;
  return spacing_ticks_;
}

}  // namespace turret::node
