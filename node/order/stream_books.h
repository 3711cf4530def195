// What one stream of a call says about its time: from its first instant to its last, each nanosecond is
// exactly one of recorded (silence is a part of it), gap, paused, edge. The coordinator's books stand on
// this.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "node/order/gaps.h"
#include "node/order/intervals.h"
#include "turret/v1/spool.pb.h"

namespace turret::node {

inline constexpr int64_t kEdgeNsMax = 500'000'000;

struct SettledGap {
  UtcInterval interval;
  v1::GapCause cause;
  int64_t first_missing_sequence = 0;
  uint64_t missing_packets = 0;
};

v1::IntervalSet SaveIntervals(const Intervals& set);
Intervals RestoreIntervals(const v1::IntervalSet& state);

/// What was settled for one source since it was taken last.
struct SettledTime {
  Intervals recorded;  // Silence included.
  Intervals silence;
  Intervals edges;  // Of the stream; stated with its first source.
  int64_t clipped_ns = 0;

  v1::BooksState::Settled Save() const;
  static SettledTime Restored(const v1::BooksState::Settled& state);
};

/// Several sources (SSRCs) may feed a stream, one after another or at once; time that more than one recorded
/// is attributed to the first of them. Paused goes before recorded, recorded before silence, silence before
/// gaps. What no evidence explains is an edge when it is at most 500 ms long and touches the stream's begin
/// or end or a pause; else a gap: `node_down` if it began when this node went down, else `no_media` there,
/// `source_discontinuity` between sources. Threading: one thread.
class StreamBooks {
 public:
  explicit StreamBooks(int64_t begin_utc_ns) : begin_ns_(begin_utc_ns), settled_ns_(begin_utc_ns) {}

  /// Each source's own intervals come in order. Parts of it that are settled already are clipped.
  void Recorded(size_t source, UtcInterval interval);
  void AddHole(size_t source, const Hole& hole);
  /// Returns when it began: not before what is settled.
  int64_t PauseBegan(int64_t utc_ns);
  /// Returns the pause, unless none was running or it is empty.
  std::optional<UtcInterval> PauseEnded(int64_t utc_ns);
  bool paused_at(int64_t utc_ns) const;
  /// This node was down, and `last_utc_ns` was the last that it took in before, of any stream: what is
  /// missing from then on was not listened to.
  void NodeWasDown(int64_t last_utc_ns) { outages_ns_.push_back(last_utc_ns); }
  std::optional<int64_t> paused_since() const { return paused_since_; }

  /// Settles what is known for certain up to `upto_ns`; appends the gaps, in order. Time whose end is not
  /// known yet (an absence that still lasts) waits.
  void Settle(int64_t upto_ns, std::vector<SettledGap>& gaps);
  /// Settles everything up to the stream's end.
  void Finish(int64_t end_utc_ns, std::vector<SettledGap>& gaps);
  SettledTime Take(size_t source);

  int64_t settled_ns() const { return settled_ns_; }
  int64_t known_ns() const { return known_ns_; }  // End of the last evidence of any source.

  v1::BooksState Save() const;
  /// Goes on as the one that was saved.
  void Restore(const v1::BooksState& state);

 private:
  struct Source {
    Intervals recorded;
    Intervals silence;
    std::vector<Hole> holes;
    SettledTime settled;
  };
  Source& At(size_t source);
  void SettleRegion(UtcInterval region, bool final, std::vector<SettledGap>& gaps);
  Intervals PausedWithin(UtcInterval region) const;
  bool TouchesPause(const UtcInterval& piece) const;
  bool BeganAtOutage(const UtcInterval& piece) const;
  void BookHoles(Intervals& rest, int64_t end_ns, std::vector<SettledGap>& gaps);
  void BookLeftover(const Intervals& rest, int64_t end_ns, bool final, std::vector<SettledGap>& gaps);
  int64_t WholeUpTo(UtcInterval region) const;
  void DropSettled();

  const int64_t begin_ns_;
  int64_t settled_ns_;
  int64_t known_ns_ = 0;
  std::vector<Source> sources_;
  Intervals pauses_;
  std::optional<int64_t> paused_since_;
  std::vector<int64_t> outages_ns_;
};

}  // namespace turret::node
