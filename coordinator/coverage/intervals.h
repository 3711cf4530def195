// Sets of half-open UTC intervals: what the books are computed with.
#pragma once

#include <cstdint>
#include <vector>

#include "turret/v1/capture.pb.h"

namespace turret::coordinator {

v1::Interval MakeInterval(int64_t begin_utc_ns, int64_t end_utc_ns);

/// In order, disjoint, not touching, none empty. All operations take time linear in the sizes.
class IntervalSet {
 public:
  struct Piece {
    int64_t begin_ns;
    int64_t end_ns;
    bool operator==(const Piece&) const = default;
  };

  IntervalSet() = default;
  /// Any order, overlaps and empty ones allowed (this one sorts).
  template <class Intervals>
  static IntervalSet Of(const Intervals& intervals) {
    std::vector<Piece> pieces;
    for (const v1::Interval& interval : intervals)
      pieces.push_back({interval.begin_utc_ns(), interval.end_utc_ns()});
    return Normalise(std::move(pieces));
  }

  IntervalSet Union(const IntervalSet& other) const;
  IntervalSet Intersect(const IntervalSet& other) const;
  IntervalSet Subtract(const IntervalSet& other) const;

  bool empty() const { return pieces_.empty(); }
  const std::vector<Piece>& pieces() const { return pieces_; }
  int64_t TotalNs() const;
  std::vector<v1::Interval> ToProto() const;

 private:
  static IntervalSet Normalise(std::vector<Piece> pieces);
  std::vector<Piece> pieces_;
};

}  // namespace turret::coordinator
