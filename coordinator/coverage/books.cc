#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "coordinator/coverage/coverage.h"
#include "coordinator/coverage/intervals.h"
#include "fmt/format.h"
#include "monitoring/metrics.h"

namespace turret::coordinator {
namespace {

constexpr char kGap[] = "gap", kPaused[] = "paused", kRecorded[] = "recorded", kIdle[] = "idle";
constexpr char kEdge[] = "edge", kSilence[] = "silence";

using GapsByCause = std::map<v1::GapCause, IntervalSet>;

GapsByCause ByCause(const std::vector<ChannelEvidence::StatedGap>& gaps) {
  std::map<v1::GapCause, std::vector<v1::Interval>> lists;
  for (const ChannelEvidence::StatedGap& gap : gaps) lists[gap.cause].push_back(gap.interval);
  GapsByCause sets;
  for (const auto& [cause, list] : lists) sets[cause] = IntervalSet::Of(list);
  return sets;
}

/// Hands out time, each nanosecond once: whoever takes it first has it.
class Booking {
 public:
  explicit Booking(IntervalSet unbooked) : unbooked_(std::move(unbooked)) {}

  void Book(const char* kind, const std::string& detail, const IntervalSet& claimed) {
    const IntervalSet taken = unbooked_.Intersect(claimed);
    unbooked_ = unbooked_.Subtract(taken);
    for (const IntervalSet::Piece& piece : taken.pieces()) {
      v1::CoverageKind& booked = booked_.emplace_back();
      booked.set_kind(kind);
      booked.set_detail(detail);
      *booked.mutable_interval() = MakeInterval(piece.begin_ns, piece.end_ns);
    }
  }
  void BookGap(v1::GapCause cause, const IntervalSet& claimed) { Book(kGap, GapCauseName(cause), claimed); }
  const IntervalSet& unbooked() const { return unbooked_; }

  /// In order; neighbours of one kind and detail are one.
  template <class Intervals>
  void MoveTo(Intervals* intervals) {
    std::sort(booked_.begin(), booked_.end(), [](const v1::CoverageKind& a, const v1::CoverageKind& b) {
      return a.interval().begin_utc_ns() < b.interval().begin_utc_ns();
    });
    intervals->Clear();
    for (v1::CoverageKind& next : booked_) {
      v1::CoverageKind* const last = intervals->empty() ? nullptr : intervals->Mutable(intervals->size() - 1);
      if (last != nullptr && last->kind() == next.kind() && last->detail() == next.detail() &&
          last->interval().end_utc_ns() == next.interval().begin_utc_ns())
        last->mutable_interval()->set_end_utc_ns(next.interval().end_utc_ns());
      else
        *intervals->Add() = std::move(next);
    }
  }

 private:
  IntervalSet unbooked_;
  std::vector<v1::CoverageKind> booked_;
};

template <class Intervals>
v1::CoverageTotals Totals(const Intervals& intervals) {
  v1::CoverageTotals totals;
  for (const v1::CoverageKind& booked : intervals) {
    const int64_t length_ns = booked.interval().end_utc_ns() - booked.interval().begin_utc_ns();
    totals.set_enrolled_ns(totals.enrolled_ns() + length_ns);
    if (booked.kind() == kGap) {
      totals.set_gap_ns(totals.gap_ns() + length_ns);
      (*totals.mutable_gap_by_cause_ns())[booked.detail()] += length_ns;
    } else if (booked.kind() == kPaused) {
      totals.set_paused_ns(totals.paused_ns() + length_ns);
    } else if (booked.kind() == kRecorded) {
      totals.set_recorded_ns(totals.recorded_ns() + length_ns);
      if (booked.detail() == kSilence) totals.set_silence_ns(totals.silence_ns() + length_ns);
    } else {
      totals.set_idle_ns(totals.idle_ns() + length_ns);
      if (booked.detail() == kEdge) totals.set_edge_ns(totals.edge_ns() + length_ns);
    }
  }
  return totals;
}

/// One stream's statements, as sets within the enrolled time.
struct StreamSets {
  GapsByCause gaps;
  IntervalSet all_gaps, paused, recorded, silence, edges;

  StreamSets(const ChannelEvidence::Stream& stream, const IntervalSet& enrolled)
      : gaps(ByCause(stream.gaps)),
        paused(IntervalSet::Of(stream.paused).Intersect(enrolled)),
        recorded(IntervalSet::Of(stream.recorded).Intersect(enrolled)),
        silence(IntervalSet::Of(stream.silence).Intersect(enrolled)),
        edges(IntervalSet::Of(stream.edges).Intersect(enrolled)) {
    for (auto& [cause, set] : gaps) {
      set = set.Intersect(enrolled);
      all_gaps = all_gaps.Union(set);
    }
  }
};

class OverlapCheck {
 public:
  OverlapCheck(v1::Direction direction, std::vector<std::string>& errors)
      : channel_(direction == v1::DIRECTION_OWN ? "own" : "far"), errors_(errors) {}

  void Exclude(const std::string& stream, const char* a_name, const IntervalSet& a, const char* b_name,
               const IntervalSet& b) {
    const IntervalSet both = a.Intersect(b);
    if (both.empty()) return;
    errors_.push_back(fmt::format("{}: stream {}: {} and {} overlap by {} ns, first at {} utc ns", channel_,
                                  stream, a_name, b_name, both.TotalNs(), both.pieces().front().begin_ns));
  }
  void Stream(const std::string& id, const StreamSets& sets, const IntervalSet& idle) {
    Exclude(id, kGap, sets.all_gaps, kPaused, sets.paused);
    Exclude(id, kGap, sets.all_gaps, kRecorded, sets.recorded);
    Exclude(id, kGap, sets.all_gaps, kEdge, sets.edges);
    Exclude(id, kPaused, sets.paused, kRecorded, sets.recorded);
    Exclude(id, kPaused, sets.paused, kEdge, sets.edges);
    Exclude(id, kRecorded, sets.recorded, kEdge, sets.edges);
    Exclude(id, kSilence, sets.silence, "what is not recorded", sets.silence.Subtract(sets.recorded));
    Exclude(id, kGap, sets.all_gaps, kIdle, idle);
    Exclude(id, kPaused, sets.paused, kIdle, idle);
    Exclude(id, kRecorded, sets.recorded, kIdle, idle);
  }

 private:
  const char* const channel_;
  std::vector<std::string>& errors_;
};

}  // namespace

v1::ChannelCoverage ComputeChannel(v1::Direction direction, const ChannelEvidence& evidence,
                                   std::vector<std::string>& errors) {
  const IntervalSet enrolled = IntervalSet::Of(evidence.enrolled);
  const IntervalSet idle = IntervalSet::Of(evidence.idle).Intersect(enrolled);
  const IntervalSet proven = IntervalSet::Of(evidence.proven);
  OverlapCheck check(direction, errors);
  GapsByCause gaps;
  IntervalSet paused, recorded, audible, edges;
  for (const ChannelEvidence::Stream& stream : evidence.streams) {
    const StreamSets sets(stream, enrolled);
    check.Stream(stream.id, sets, idle);
    for (const auto& [cause, set] : sets.gaps) gaps[cause] = gaps[cause].Union(set);
    paused = paused.Union(sets.paused);
    recorded = recorded.Union(sets.recorded);
    audible = audible.Union(sets.recorded.Subtract(sets.silence));
    edges = edges.Union(sets.edges);
  }

  Booking booking(enrolled);
  for (const auto& [cause, set] : gaps) booking.BookGap(cause, set);
  booking.Book(kPaused, "", paused);
  booking.Book(kRecorded, "", audible);
  booking.Book(kRecorded, kSilence, recorded);
  booking.Book(kIdle, kEdge, edges);
  booking.Book(kRecorded, "", IntervalSet::Of(evidence.held));
  booking.Book(kIdle, "", idle.Intersect(proven));
  booking.BookGap(v1::GAP_CAUSE_UNPROVEN, idle);
  for (const ChannelEvidence::StatedGap& gap : evidence.explained)
    booking.BookGap(gap.cause, IntervalSet::Of(std::vector{gap.interval}));
  booking.BookGap(v1::GAP_CAUSE_UNKNOWN, proven);
  booking.BookGap(v1::GAP_CAUSE_UNPROVEN, enrolled);

  v1::ChannelCoverage channel;
  channel.set_direction(direction);
  booking.MoveTo(channel.mutable_intervals());
  *channel.mutable_totals() = Totals(channel.intervals());
  return channel;
}

void CombineChannels(v1::CoverageReport& report) {
  static constexpr std::array kWorstFirst = {kGap, kPaused, kRecorded, kIdle};
  // Details in the order of their names, but audio before silence and what a call says before mere idleness.
  const auto rank = [](const v1::CoverageKind& booked) {
    const auto kind = std::find(kWorstFirst.begin(), kWorstFirst.end(), booked.kind()) - kWorstFirst.begin();
    const bool plain_idle = booked.kind() == kIdle && booked.detail().empty();
    return std::tuple(kind, plain_idle, booked.detail());
  };
  std::map<decltype(rank(v1::CoverageKind())), std::vector<v1::Interval>> claims;
  std::vector<v1::Interval> all;
  for (const v1::ChannelCoverage& channel : report.channels()) {
    for (const v1::CoverageKind& booked : channel.intervals()) {
      claims[rank(booked)].push_back(booked.interval());
      all.push_back(booked.interval());
    }
  }
  Booking booking(IntervalSet::Of(all));
  for (const auto& [key, intervals] : claims)
    booking.Book(kWorstFirst[static_cast<size_t>(std::get<0>(key))], std::get<2>(key),
                 IntervalSet::Of(intervals));
  booking.MoveTo(report.mutable_intervals());
  *report.mutable_totals() = Totals(report.intervals());
}

}  // namespace turret::coordinator
