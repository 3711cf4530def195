#include "node/order/stream_books.h"

#include <algorithm>
#include <cstdlib>

namespace turret::node {
namespace {

constexpr int64_t kOutageNs = 1'000'000'000;  // Nearer than this, an absence began with an outage.

}  // namespace

StreamBooks::Source& StreamBooks::At(size_t source) {
  if (source >= sources_.size()) sources_.resize(source + 1);
  return sources_[source];
}

void StreamBooks::Recorded(size_t source, UtcInterval interval) {
  Source& at = At(source);
  known_ns_ = std::max(known_ns_, interval.end_ns);
  if (interval.begin_ns < settled_ns_) {
    at.settled.clipped_ns += std::min(interval.end_ns, settled_ns_) - interval.begin_ns;
    interval.begin_ns = settled_ns_;
  }
  Add(at.recorded, interval);
}

void StreamBooks::AddHole(size_t source, const Hole& hole) {
  Source& at = At(source);
  known_ns_ = std::max(known_ns_, hole.interval.end_ns);
  Hole kept = hole;
  kept.interval.begin_ns = std::max(kept.interval.begin_ns, settled_ns_);
  if (kept.interval.begin_ns >= kept.interval.end_ns) return;
  if (kept.silence) {
    Add(at.silence, kept.interval);
  } else {
    at.holes.push_back(kept);
  }
}

int64_t StreamBooks::PauseBegan(int64_t utc_ns) {
  if (!paused_since_) paused_since_ = std::max(utc_ns, settled_ns_);
  return *paused_since_;
}

std::optional<UtcInterval> StreamBooks::PauseEnded(int64_t utc_ns) {
  if (!paused_since_) return std::nullopt;
  // What was settled as paused stays paused.
  const UtcInterval pause{*paused_since_, std::max(utc_ns, settled_ns_)};
  paused_since_.reset();
  if (pause.begin_ns >= pause.end_ns) return std::nullopt;
  Add(pauses_, pause);
  return pause;
}

bool StreamBooks::paused_at(int64_t utc_ns) const {
  if (paused_since_ && utc_ns >= *paused_since_) return true;
  return std::ranges::any_of(
      pauses_, [&](const UtcInterval& pause) { return utc_ns >= pause.begin_ns && utc_ns < pause.end_ns; });
}

void StreamBooks::Settle(int64_t upto_ns, std::vector<SettledGap>& gaps) {
  const UtcInterval region{settled_ns_, WholeUpTo({settled_ns_, std::min(upto_ns, known_ns_)})};
  if (region.begin_ns < region.end_ns) SettleRegion(region, /*final=*/false, gaps);
}

void StreamBooks::Finish(int64_t end_utc_ns, std::vector<SettledGap>& gaps) {
  const UtcInterval region{settled_ns_, end_utc_ns};
  if (region.begin_ns < region.end_ns) SettleRegion(region, /*final=*/true, gaps);
  for (Source& source : sources_) {
    source.settled.clipped_ns += Length(source.recorded);
    source.recorded.clear();
  }
}

SettledTime StreamBooks::Take(size_t source) {
  SettledTime taken = std::move(At(source).settled);
  At(source).settled = {};
  return taken;
}

// The latest instant in the region that cuts neither a hole nor an absence that still lasts.
int64_t StreamBooks::WholeUpTo(UtcInterval region) const {
  Intervals evidence = PausedWithin(region);
  for (const Source& source : sources_) {
    for (const UtcInterval& one : source.recorded) Add(evidence, one);
    for (const UtcInterval& one : source.silence) Add(evidence, one);
    for (const Hole& hole : source.holes) Add(evidence, hole.interval);
  }
  const Intervals absent = Subtract({region}, evidence);
  int64_t upto_ns = region.end_ns;
  for (bool moved = true; moved && upto_ns > region.begin_ns;) {
    moved = false;
    const auto back_to = [&](const UtcInterval& piece, int64_t end_ns) {
      if (piece.begin_ns >= upto_ns || end_ns < upto_ns) return;
      upto_ns = piece.begin_ns;
      moved = true;
    };
    for (const Source& source : sources_)
      for (const Hole& hole : source.holes) back_to(hole.interval, hole.interval.end_ns - 1);
    for (const UtcInterval& piece : absent) back_to(piece, piece.end_ns);
  }
  return upto_ns;
}

Intervals StreamBooks::PausedWithin(UtcInterval region) const {
  Intervals all = pauses_;
  if (paused_since_) Add(all, {*paused_since_, std::max(region.end_ns, *paused_since_)});
  return Intersect(all, {region});
}

bool StreamBooks::TouchesPause(const UtcInterval& piece) const {
  if (paused_since_ && piece.end_ns == *paused_since_) return true;
  return std::ranges::any_of(pauses_, [&](const UtcInterval& pause) {
    return piece.end_ns == pause.begin_ns || piece.begin_ns == pause.end_ns;
  });
}

// Packets and records of other streams do not come at the same instant.
bool StreamBooks::BeganAtOutage(const UtcInterval& piece) const {
  return std::ranges::any_of(outages_ns_, [&](int64_t last_utc_ns) {
    return std::abs(piece.begin_ns - last_utc_ns) <= kOutageNs && piece.end_ns > last_utc_ns;
  });
}

void StreamBooks::SettleRegion(UtcInterval region, bool final, std::vector<SettledGap>& gaps) {
  Intervals rest = Subtract({region}, PausedWithin(region));
  for (Source& source : sources_) {
    for (const UtcInterval& one : Intersect(source.recorded, rest)) Add(source.settled.recorded, one);
    rest = Subtract(rest, source.recorded);
  }
  for (Source& source : sources_) {
    for (const UtcInterval& one : Intersect(source.silence, rest)) {
      Add(source.settled.recorded, one);
      Add(source.settled.silence, one);
    }
    rest = Subtract(rest, source.silence);
  }
  const auto first = static_cast<std::ptrdiff_t>(gaps.size());
  BookHoles(rest, region.end_ns, gaps);
  BookLeftover(rest, region.end_ns, final, gaps);
  std::sort(gaps.begin() + first, gaps.end(), [](const SettledGap& a, const SettledGap& b) {
    return a.interval.begin_ns < b.interval.begin_ns;
  });
  settled_ns_ = region.end_ns;
  DropSettled();
}

void StreamBooks::BookHoles(Intervals& rest, int64_t end_ns, std::vector<SettledGap>& gaps) {
  for (const Source& source : sources_) {
    for (const Hole& hole : source.holes) {
      if (hole.interval.begin_ns >= end_ns) continue;
      uint64_t missing = hole.missing_packets;
      for (const UtcInterval& piece : Intersect({hole.interval}, rest)) {
        // A source that stops for a pause is no discontinuity: what is left beside the pause is its edge.
        if (hole.cause == v1::GAP_CAUSE_SOURCE_DISCONTINUITY && TouchesPause(piece)) continue;
        gaps.push_back({piece, hole.cause, hole.first_missing_sequence, missing});
        missing = 0;  // Counted once, with the first piece.
        rest = Subtract(rest, {piece});
      }
    }
  }
}

void StreamBooks::BookLeftover(const Intervals& rest, int64_t end_ns, bool final,
                               std::vector<SettledGap>& gaps) {
  for (const UtcInterval& piece : rest) {
    const bool at_end =
        piece.begin_ns == begin_ns_ || (final && piece.end_ns == end_ns) || TouchesPause(piece);
    if (at_end && piece.end_ns - piece.begin_ns <= kEdgeNsMax) {
      Add(At(0).settled.edges, piece);
    } else {
      const v1::GapCause here = at_end ? v1::GAP_CAUSE_NO_MEDIA : v1::GAP_CAUSE_SOURCE_DISCONTINUITY;
      gaps.push_back({piece, BeganAtOutage(piece) ? v1::GAP_CAUSE_NODE_DOWN : here});
    }
  }
}

void StreamBooks::DropSettled() {
  for (Source& source : sources_) {
    DropBefore(source.recorded, settled_ns_);
    DropBefore(source.silence, settled_ns_);
    std::erase_if(source.holes, [&](const Hole& hole) { return hole.interval.end_ns <= settled_ns_; });
    for (Hole& hole : source.holes) hole.interval.begin_ns = std::max(hole.interval.begin_ns, settled_ns_);
  }
  std::erase_if(outages_ns_, [&](int64_t last_utc_ns) { return last_utc_ns + kOutageNs < settled_ns_; });
  // The last pause stays while time beside it may still be settled as its edge.
  std::erase_if(pauses_, [&](const UtcInterval& pause) { return pause.end_ns < settled_ns_; });
}

}  // namespace turret::node
