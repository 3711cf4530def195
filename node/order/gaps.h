// From ordered packets of one source to what they prove on the UTC axis: audio, silence that the source
// suppressed, and holes with a cause and exact bounds. Loss is missing sequence numbers (CAPTURE.md,
// "Packets").
#pragma once

#include <cstdint>
#include <optional>

#include "node/order/intervals.h"
#include "node/order/reorder.h"
#include "node/order/time_map.h"
#include "turret/v1/capture.pb.h"

namespace turret::node {

/// What a packet holds, as far as its time is concerned.
struct PacketMedia {
  int64_t duration_ticks =
      0;  // 0 for comfort noise; negative: not told by the payload (taken from the spacing).
  bool comfort_noise = false;
};

/// Time without audio, right before a packet.
struct Hole {
  UtcInterval interval;
  bool silence = false;  // Suppressed by the source, with evidence; otherwise `cause` holds.
  v1::GapCause cause = v1::GAP_CAUSE_UNSPECIFIED;
  int64_t first_missing_sequence = 0;
  uint64_t missing_packets = 0;
};

/// Where a packet lies. Begins where the packet or hole before ended: the row has no seams.
struct Placed {
  std::optional<Hole> hole;
  int64_t begin_timestamp = 0;  // Of what is new in it: a packet may overlap the one before.
  int64_t end_timestamp = 0;
  UtcInterval interval;
  bool new_map = false;  // The source's clock jumped: another time map holds from this packet on.
};

struct GapFinderOptions {
  uint32_t clock_rate_hz = 8000;
  int64_t ptime_ticks = 160;
  int64_t snap_utc_ns = 0;  // A first packet within its own length of this instant begins there; 0: none.
};

/// Threading: one thread.
class GapFinder {
 public:
  explicit GapFinder(const GapFinderOptions& options)
      : options_(options), spacing_ticks_(options.ptime_ticks) {}

  Placed Add(const OrderedPacket& packet, const PacketMedia& media);
  /// At a cut, before the packet that begins at `next`: see TimeMap::Refit.
  void Refit(int64_t next);
  bool started() const { return map_.has_value(); }
  const TimeMap& map() const { return *map_; }  // Once started.
  uint64_t lost() const { return lost_; }       // Sequence numbers that never came.

  v1::GapFinderState Save() const;
  /// Goes on as the one that was saved.
  void Restore(const v1::GapFinderState& state);

 private:
  bool Continues(const OrderedPacket& packet) const;
  int64_t SpacingMax() const;
  Hole Judge(const OrderedPacket& packet, bool& agrees) const;
  bool JudgeOutage(const OrderedPacket& packet, bool in_time, Hole& hole) const;
  void Restart(const OrderedPacket& packet, Placed& placed);
  int64_t DurationOf(const OrderedPacket& packet, const PacketMedia& media);

  GapFinderOptions options_;
  std::optional<TimeMap> map_;
  int64_t spacing_ticks_;      // Between consecutive packets, as seen last.
  int64_t end_timestamp_ = 0;  // Where the last packet's audio ended, on both axes.
  int64_t end_utc_ns_ = 0;
  int64_t last_timestamp_ = 0;
  int64_t last_sequence_ = 0;
  int64_t last_arrival_utc_ns_ = 0;
  bool last_was_comfort_noise_ = false;
  bool duration_was_told_ = true;
  uint64_t lost_ = 0;
};

}  // namespace turret::node
