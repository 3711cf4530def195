#include "coordinator/coverage/intervals.h"

#include <algorithm>

namespace turret::coordinator {

v1::Interval MakeInterval(int64_t begin_utc_ns, int64_t end_utc_ns) {
  v1::Interval interval;
  interval.set_begin_utc_ns(begin_utc_ns);
  interval.set_end_utc_ns(end_utc_ns);
  return interval;
}

IntervalSet IntervalSet::Normalise(std::vector<Piece> pieces) {
  std::erase_if(pieces, [](const Piece& piece) { return piece.begin_ns >= piece.end_ns; });
  std::sort(pieces.begin(), pieces.end(),
            [](const Piece& a, const Piece& b) { return a.begin_ns < b.begin_ns; });
  IntervalSet set;
  for (const Piece& piece : pieces) {
    if (!set.pieces_.empty() && piece.begin_ns <= set.pieces_.back().end_ns)
      set.pieces_.back().end_ns = std::max(set.pieces_.back().end_ns, piece.end_ns);
    else
      set.pieces_.push_back(piece);
  }
  return set;
}

IntervalSet IntervalSet::Union(const IntervalSet& other) const {
  std::vector<Piece> pieces = pieces_;
  pieces.insert(pieces.end(), other.pieces_.begin(), other.pieces_.end());
  return Normalise(std::move(pieces));
}

IntervalSet IntervalSet::Intersect(const IntervalSet& other) const {
  IntervalSet both;
  auto a = pieces_.begin();
  auto b = other.pieces_.begin();
  while (a != pieces_.end() && b != other.pieces_.end()) {
    const Piece overlap{std::max(a->begin_ns, b->begin_ns), std::min(a->end_ns, b->end_ns)};
    if (overlap.begin_ns < overlap.end_ns) both.pieces_.push_back(overlap);
    if (a->end_ns < b->end_ns)
      ++a;
    else
      ++b;
  }
  return both;
}

IntervalSet IntervalSet::Subtract(const IntervalSet& other) const {
  IntervalSet rest;
  auto hole = other.pieces_.begin();
  for (Piece piece : pieces_) {
    while (hole != other.pieces_.end() && hole->end_ns <= piece.begin_ns) ++hole;
    for (auto next = hole; next != other.pieces_.end() && next->begin_ns < piece.end_ns; ++next) {
      if (next->begin_ns > piece.begin_ns) rest.pieces_.push_back({piece.begin_ns, next->begin_ns});
      piece.begin_ns = next->end_ns;
      if (piece.begin_ns >= piece.end_ns) break;
      hole = next;
    }
    if (piece.begin_ns < piece.end_ns) rest.pieces_.push_back(piece);
  }
  return rest;
}

int64_t IntervalSet::TotalNs() const {
  int64_t total_ns = 0;
  for (const Piece& piece : pieces_) total_ns += piece.end_ns - piece.begin_ns;
  return total_ns;
}

std::vector<v1::Interval> IntervalSet::ToProto() const {
  std::vector<v1::Interval> intervals;
  for (const Piece& piece : pieces_) intervals.push_back(MakeInterval(piece.begin_ns, piece.end_ns));
  return intervals;
}

}  // namespace turret::coordinator
