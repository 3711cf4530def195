#include "node/order/reorder.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace turret::node {
namespace {

constexpr int kDropoutMax = 3000;  // RFC 3550 A.1.
constexpr int kMisorderMax = 100;  // RFC 3550 A.1.
constexpr int kNeighbourMax = 16;  // Two packets this close to each other prove a restart.
constexpr size_t kHeldMax = 512;
constexpr int64_t kOldSeconds = 3;  // No network delivers out of order by more.
constexpr int64_t kFirstCycle = 65536;

int Difference(uint16_t a, uint16_t b) { return static_cast<int16_t>(static_cast<uint16_t>(a - b)); }

}  // namespace

void Reorder::Push(const RtpPacket& packet, int64_t arrival_utc_ns, uint64_t position, Release release) {
  now_ns_ = std::max(now_ns_, arrival_utc_ns);
  if (!any_) {
    any_ = true;
    first_arrival_ns_ = arrival_utc_ns;
    sequence_max_ = kFirstCycle + packet.sequence;
    timestamp_at_max_ = packet.timestamp;
    return Hold(MakeHeld(packet, sequence_max_, arrival_utc_ns, position));
  }
  if (jumped_) SettleJump(packet, release);
  const bool fresh_run = std::exchange(fresh_run_, false);
  const int delta = Difference(packet.sequence, static_cast<uint16_t>(sequence_max_));
  const int64_t sequence = sequence_max_ + delta;
  const int misorder_max =
      fresh_run ? 0 : kMisorderMax;  // An outage may last as long as the numbers go round.
  if (delta >= kDropoutMax || (delta <= -misorder_max && !LooksOld(packet))) {
    jumped_ = MakeHeld(packet, sequence, arrival_utc_ns, position);
    return Drain(/*all=*/false, release);
  }
  if (started_ && sequence < next_) {
    CountOld(sequence);
    return Drain(/*all=*/false, release);
  }
  if (sequence > sequence_max_) {
    sequence_max_ = sequence;
    timestamp_at_max_ = packet.timestamp;
  }
  if (started_ && held_.empty() && sequence == next_) {
    return ReleaseOne({.sequence = sequence,
                       .timestamp = packet.timestamp,
                       .arrival_utc_ns = arrival_utc_ns,
                       .position = position,
                       .payload_type = packet.payload_type,
                       .marker = packet.marker,
                       .payload = packet.payload},
                      release);
  }
  Hold(MakeHeld(packet, sequence, arrival_utc_ns, position));
  Drain(/*all=*/false, release);
}

void Reorder::NodeWasDown() {
  if (!any_) return;
  fresh_run_ = true;
  if (outages_.empty() || outages_.back() != sequence_max_) outages_.push_back(sequence_max_);
}

void Reorder::Flush(Release release) {
  Drain(/*all=*/true, release);
  if (!jumped_) return;
  if (LooksOld({.timestamp = static_cast<uint32_t>(jumped_->packet.timestamp)})) return DropJump();
  RestartAtJump(/*before=*/0, release);
  Drain(/*all=*/true, release);
}

uint64_t Reorder::OldestHeld() const {
  uint64_t oldest = jumped_ ? jumped_->packet.position : std::numeric_limits<uint64_t>::max();
  for (const Held& held : held_) oldest = std::min(oldest, held.packet.position);
  return oldest;
}

Reorder::Held Reorder::MakeHeld(const RtpPacket& packet, int64_t sequence, int64_t arrival_utc_ns,
                                uint64_t position) const {
  return {.packet = {.sequence = sequence,
                     .timestamp = packet.timestamp,
                     .arrival_utc_ns = arrival_utc_ns,
                     .position = position,
                     .payload_type = packet.payload_type,
                     .marker = packet.marker},
          .raw_sequence = packet.sequence,
          .payload = ToBuffer(packet.payload)};
}

bool Reorder::LooksOld(const RtpPacket& packet) const {
  const auto behind = static_cast<int32_t>(timestamp_at_max_ - packet.timestamp);
  return behind >= 0 && behind <= kOldSeconds * int64_t{options_.clock_rate_hz};
}

// The packet before this one jumped: with a neighbour it is a restart of the source, without one a stray.
void Reorder::SettleJump(const RtpPacket& packet, Release release) {
  const int step = Difference(packet.sequence, jumped_->raw_sequence);
  if (step == 0 && static_cast<uint32_t>(jumped_->packet.timestamp) == packet.timestamp) {
    ++stray_;  // The stray came twice; it proves no more.
    return;
  }
  if (step == 0 || step > kNeighbourMax || step < -kNeighbourMax) return DropJump();
  RestartAtJump(std::min<int64_t>(0, step), release);
}

// Goes on at the packet that jumped, or `before` sequence numbers before it; always forward on the extended
// axis.
void Reorder::RestartAtJump(int64_t before, Release release) {
  Drain(/*all=*/true, release);
  Held first = *std::move(jumped_);
  jumped_.reset();
  const auto raw_first = static_cast<uint16_t>(first.raw_sequence + before);
  next_ = sequence_max_ + 1 + static_cast<uint16_t>(raw_first - static_cast<uint16_t>(sequence_max_ + 1));
  released_.reset();
  restart_next_ = true;
  first.packet.sequence = next_ - before;
  sequence_max_ = first.packet.sequence;
  timestamp_at_max_ = static_cast<uint32_t>(first.packet.timestamp);
  Hold(std::move(first));
}

void Reorder::DropJump() {
  if (jumped_->packet.sequence < next_) {
    ++late_;
  } else {
    ++stray_;
  }
  jumped_.reset();
}

void Reorder::CountOld(int64_t sequence) {
  const bool known = next_ - sequence <= static_cast<int64_t>(kHistory);
  if (known && released_[static_cast<size_t>(sequence) % kHistory]) {
    ++duplicate_;
  } else {
    ++late_;
  }
}

void Reorder::Hold(Held held) {
  const auto at = std::ranges::lower_bound(held_, held.packet.sequence, {},
                                           [](const Held& other) { return other.packet.sequence; });
  if (at != held_.end() && at->packet.sequence == held.packet.sequence) {
    ++duplicate_;
    return;
  }
  held_.insert(at, std::move(held));
}

// The first packet may have been delayed: the one that was delayed least tells when the first sample was.
void Reorder::SetAnchor(OrderedPacket& first) const {
  first.anchor_utc_ns = first.arrival_utc_ns;
  for (const Held& held : held_) {
    const auto ticks = static_cast<int32_t>(static_cast<uint32_t>(held.packet.timestamp - first.timestamp));
    if (ticks < 0 || ticks > static_cast<int64_t>(options_.clock_rate_hz)) continue;
    const int64_t offset_ns = int64_t{ticks} * 1'000'000'000 / options_.clock_rate_hz;
    first.anchor_utc_ns = std::min(first.anchor_utc_ns, held.packet.arrival_utc_ns - offset_ns);
  }
}

void Reorder::Drain(bool all, Release release) {
  if (held_.empty()) return;
  if (!started_) {
    if (!all && now_ns_ - first_arrival_ns_ < options_.window_ns && held_.size() <= kHeldMax) return;
    started_ = true;
    next_ = held_.front().packet.sequence;
    SetAnchor(held_.front().packet);
  }
  size_t done = 0;
  for (; done < held_.size(); ++done) {
    Held& front = held_[done];
    const bool waited =
        all || now_ns_ - front.packet.arrival_utc_ns >= options_.window_ns || held_.size() - done > kHeldMax;
    if (front.packet.sequence != next_ && !waited) break;
    front.packet.payload = front.payload;
    ReleaseOne(front.packet, release);
  }
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(done));
}

void Reorder::ReleaseOne(OrderedPacket packet, Release release) {
  packet.missing_before = static_cast<uint64_t>(packet.sequence - next_);
  packet.after_outage =
      std::erase_if(outages_, [&](int64_t highest) { return highest < packet.sequence; }) > 0;
  for (uint64_t i = 0; i < std::min<uint64_t>(packet.missing_before, kHistory); ++i)
    released_.reset((static_cast<size_t>(next_) + i) % kHistory);
  released_.set(static_cast<size_t>(packet.sequence) % kHistory);
  next_ = packet.sequence + 1;

  const auto raw_timestamp = static_cast<uint32_t>(packet.timestamp);
  const uint32_t forward = raw_timestamp - timestamp_last_;
  const auto step = static_cast<int32_t>(forward);
  packet.restarted = restart_next_ && released_any_;
  if (!released_any_) {
    timestamp_extended_ = raw_timestamp;
  } else if (packet.restarted || step < -static_cast<int64_t>(options_.clock_rate_hz)) {
    timestamp_extended_ += forward;
  } else {
    timestamp_extended_ += step;
  }
  timestamp_last_ = raw_timestamp;
  packet.timestamp = timestamp_extended_;
  if (packet.anchor_utc_ns == 0) packet.anchor_utc_ns = packet.arrival_utc_ns;
  released_any_ = true;
  restart_next_ = false;
  release(packet);
}

}  // namespace turret::node
