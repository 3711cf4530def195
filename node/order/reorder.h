// Puts the packets of one synchronisation source in order (RFC 3550 A.1), once each.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "node/order/rtp.h"
#include "turret/v1/spool.pb.h"

namespace turret::node {

/// A packet on the extended axes, in order. `payload` is borrowed for the duration of the call.
struct OrderedPacket {
  int64_t sequence = 0;   // Extended sequence number.
  int64_t timestamp = 0;  // Extended RTP timestamp; goes back by at most a second.
  int64_t arrival_utc_ns = 0;
  int64_t anchor_utc_ns =
      0;                  // When its first sample was: its arrival, or better for a source's first packet.
  uint64_t position = 0;  // In the spool.
  uint64_t missing_before = 0;  // Sequence numbers that never came, right before this one.
  uint8_t payload_type = 0;
  bool marker = false;
  bool restarted = false;  // The sequence jumped to here: what lies before is not proven by counting.
  bool after_outage =
      false;  // The first that came after this node was down: what lies before was not listened to.
  Bytes payload;
};

struct ReorderOptions {
  uint32_t clock_rate_hz = 8000;
  int64_t window_ns = 200'000'000;  // How long, in arrival time, a missing packet is waited for.
};

/// Threading: one thread. Every packet pushed is released once, or counted as exactly one of duplicate, late,
/// stray, or is still held: pushed = released + duplicate + late + stray + held.
class Reorder {
 public:
  using Release = absl::FunctionRef<void(const OrderedPacket&)>;

  explicit Reorder(const ReorderOptions& options) : options_(options) {}

  /// May release any number of packets, also earlier ones.
  void Push(const RtpPacket& packet, int64_t arrival_utc_ns, uint64_t position, Release release);
  /// This node was down until now: all that comes was received by another process than what came so far.
  void NodeWasDown();
  /// Releases everything that is held: nothing more is waited for.
  void Flush(Release release);

  uint64_t duplicate() const { return duplicate_; }
  uint64_t late() const { return late_; }    // Came after it was given up.
  uint64_t stray() const { return stray_; }  // Alone, far from the sequence that went on.
  uint64_t held() const { return held_.size() + (jumped_ ? 1 : 0); }
  /// Lowest spool position among the held packets; UINT64_MAX: none.
  uint64_t OldestHeld() const;

  v1::ReorderState Save() const;
  /// Goes on as the one that was saved.
  void Restore(const v1::ReorderState& state);

 private:
  struct Held {
    OrderedPacket packet;  // `timestamp` is the raw one until release.
    uint16_t raw_sequence;
    Buffer payload;
  };
  static constexpr size_t kHistory = 512;
  static v1::HeldPacket SaveHeld(const Held& held);
  static Held RestoreHeld(const v1::HeldPacket& state);

  Held MakeHeld(const RtpPacket& packet, int64_t sequence, int64_t arrival_utc_ns, uint64_t position) const;
  bool LooksOld(const RtpPacket& packet) const;
  void SettleJump(const RtpPacket& packet, Release release);
  void RestartAtJump(int64_t before, Release release);
  void DropJump();
  void SetAnchor(OrderedPacket& first) const;
  void CountOld(int64_t sequence);
  void Hold(Held held);
  void Drain(bool all, Release release);
  void ReleaseOne(OrderedPacket packet, Release release);

  const ReorderOptions options_;
  bool any_ = false;      // A packet was pushed.
  bool started_ = false;  // The first window is over: the lowest sequence number of it was the first.
  int64_t now_ns_ = 0;    // Highest arrival.
  int64_t first_arrival_ns_ = 0;
  int64_t sequence_max_ = 0;
  uint32_t timestamp_at_max_ = 0;
  int64_t next_ = 0;            // Next sequence to release.
  std::vector<Held> held_;      // By sequence; all >= next_.
  std::optional<Held> jumped_;  // Far from the others: a restart if a neighbour follows, else a stray.
  std::bitset<kHistory>
      released_;  // Of the sequence numbers next_ - kHistory .. next_ - 1, by number modulo.
  bool released_any_ = false;
  bool restart_next_ = false;
  uint32_t timestamp_last_ = 0;
  int64_t timestamp_extended_ = 0;
  uint64_t duplicate_ = 0;
  uint64_t late_ = 0;
  uint64_t stray_ = 0;
  std::vector<int64_t>
      outages_;             // Highest sequence number before each, in order, until one behind is released.
  bool fresh_run_ = false;  // No packet came since the last of them.
};

}  // namespace turret::node
