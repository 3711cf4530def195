// The RTP clock of one source on the UTC axis. Anchored at its first packet and never again: an outage's
// length comes from RTP ticks. The source's drift is fitted to the least delayed packets and slewed in,
// without a step.
#pragma once

#include <cstdint>
#include <limits>

#include "storage/segment/segment_plaintext.h"
#include "turret/v1/spool.pb.h"

namespace turret::node {

/// Threading: one thread.
class TimeMap {
 public:
  TimeMap(uint32_t clock_rate_hz, int64_t anchor_timestamp, int64_t anchor_utc_ns);

  int64_t ToUtc(int64_t timestamp) const { return piece_.ToUtc(timestamp); }
  /// Learns from a packet; does not change the map.
  void Observe(int64_t timestamp, int64_t arrival_utc_ns);
  /// Takes up the drift learned so far, from `timestamp` on, where the last packet's audio ended; the next
  /// one begins at `next`. The map stays continuous there; over a long hole between the two it goes right to
  /// where the fit is. Callers do it where they cut a segment, so that one piece holds for each segment.
  void Refit(int64_t timestamp, int64_t next);
  /// Whether `next` lies far away from `timestamp`, and further than the map was watched: a fit over a minute
  /// says little about an hour.
  bool IsBeyond(int64_t timestamp, int64_t next) const;

  const TimeMapPiece& piece() const { return piece_; }
  /// Arrival minus projection: of the last packet, and the least of the last 10 to 20 s.
  int64_t residual_ns() const { return residual_ns_; }
  int64_t residual_least_ns() const;

  v1::TimeMapState Save() const;
  /// The map that was saved, fit and all.
  static TimeMap Restored(uint32_t clock_rate_hz, const v1::TimeMapState& state);

 private:
  static constexpr int64_t kNone = std::numeric_limits<int64_t>::max();
  void CloseWindow();
  bool IsLong(int64_t ticks) const;

  TimeMapPiece nominal_;  // Without drift: what the fit is against.
  TimeMapPiece piece_;
  int64_t residual_ns_ = 0;
  int64_t window_begin_;      // Timestamps; a window lasts 10 s.
  int64_t least_ns_ = kNone;  // Of this window, against the map; and against the nominal line, with where.
  int64_t least_before_ns_ = kNone;
  int64_t least_nominal_ns_ = kNone;
  int64_t least_timestamp_ = 0;
  // Sums of a linear regression over windows: x seconds since the anchor, y nanoseconds of residual.
  double windows_ = 0, sum_x_ = 0, sum_y_ = 0, sum_xx_ = 0, sum_xy_ = 0;
};

}  // namespace turret::node
