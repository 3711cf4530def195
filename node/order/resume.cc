// What the stages of one stream remember, to and from spool.proto.
#include <utility>

#include "node/order/gaps.h"
#include "node/order/reorder.h"
#include "node/order/stream_books.h"
#include "node/order/time_map.h"

namespace turret::node {

v1::HeldPacket Reorder::SaveHeld(const Held& held) {
  v1::HeldPacket state;
  state.set_sequence(held.packet.sequence);
  state.set_timestamp(static_cast<uint32_t>(held.packet.timestamp));
  state.set_arrival_utc_ns(held.packet.arrival_utc_ns);
  state.set_anchor_utc_ns(held.packet.anchor_utc_ns);
  state.set_position(held.packet.position);
  state.set_payload_type(held.packet.payload_type);
  state.set_marker(held.packet.marker);
  state.set_raw_sequence(held.raw_sequence);
  state.set_payload(ToString(held.payload));
  return state;
}

Reorder::Held Reorder::RestoreHeld(const v1::HeldPacket& state) {
  return {.packet = {.sequence = state.sequence(),
                     .timestamp = state.timestamp(),
                     .arrival_utc_ns = state.arrival_utc_ns(),
                     .anchor_utc_ns = state.anchor_utc_ns(),
                     .position = state.position(),
                     .payload_type = static_cast<uint8_t>(state.payload_type()),
                     .marker = state.marker()},
          .raw_sequence = static_cast<uint16_t>(state.raw_sequence()),
          .payload = ToBuffer(AsBytes(state.payload()))};
}

v1::ReorderState Reorder::Save() const {
  v1::ReorderState state;
  state.set_any(any_);
  state.set_started(started_);
  state.set_now_ns(now_ns_);
  state.set_first_arrival_ns(first_arrival_ns_);
  state.set_sequence_max(sequence_max_);
  state.set_timestamp_at_max(timestamp_at_max_);
  state.set_next(next_);
  for (const Held& held : held_) *state.add_held() = SaveHeld(held);
  if (jumped_) *state.mutable_jumped() = SaveHeld(*jumped_);
  if (released_.any()) {
    std::string bits(kHistory / 8, '\0');
    for (size_t i = 0; i < kHistory; ++i)
      if (released_[i]) bits[i / 8] = static_cast<char>(static_cast<uint8_t>(bits[i / 8]) | (1U << (i % 8)));
    state.set_released(std::move(bits));
  }
  state.set_released_any(released_any_);
  state.set_restart_next(restart_next_);
  state.set_timestamp_last(timestamp_last_);
  state.set_timestamp_extended(timestamp_extended_);
  state.set_duplicate(duplicate_);
  state.set_late(late_);
  state.set_stray(stray_);
  for (const int64_t highest : outages_) state.add_outages(highest);
  state.set_fresh_run(fresh_run_);
  return state;
}

void Reorder::Restore(const v1::ReorderState& state) {
  any_ = state.any();
  started_ = state.started();
  now_ns_ = state.now_ns();
  first_arrival_ns_ = state.first_arrival_ns();
  sequence_max_ = state.sequence_max();
  timestamp_at_max_ = state.timestamp_at_max();
  next_ = state.next();
  held_.clear();
  for (const v1::HeldPacket& held : state.held()) held_.push_back(RestoreHeld(held));
  jumped_.reset();
  if (state.has_jumped()) jumped_ = RestoreHeld(state.jumped());
  released_.reset();
  const Bytes bits = AsBytes(state.released());
  for (size_t i = 0; i < std::min(kHistory, bits.size() * 8); ++i)
    released_[i] = ((bits[i / 8] >> (i % 8)) & 1U) != 0;
  released_any_ = state.released_any();
  restart_next_ = state.restart_next();
  timestamp_last_ = state.timestamp_last();
  timestamp_extended_ = state.timestamp_extended();
  duplicate_ = state.duplicate();
  late_ = state.late();
  stray_ = state.stray();
  outages_.assign(state.outages().begin(), state.outages().end());
  fresh_run_ = state.fresh_run();
}

v1::TimeMapState TimeMap::Save() const {
  v1::TimeMapState state;
  state.set_nominal_timestamp(nominal_.anchor_timestamp);
  state.set_nominal_utc_ns(nominal_.anchor_utc_ns);
  state.set_anchor_timestamp(piece_.anchor_timestamp);
  state.set_anchor_utc_ns(piece_.anchor_utc_ns);
  state.set_drift_ppb(piece_.drift_ppb);
  state.set_residual_ns(residual_ns_);
  state.set_window_begin(window_begin_);
  state.set_least_ns(least_ns_);
  state.set_least_before_ns(least_before_ns_);
  state.set_least_nominal_ns(least_nominal_ns_);
  state.set_least_timestamp(least_timestamp_);
  for (const double sum : {windows_, sum_x_, sum_y_, sum_xx_, sum_xy_}) state.add_sums(sum);
  return state;
}

TimeMap TimeMap::Restored(uint32_t clock_rate_hz, const v1::TimeMapState& state) {
  TimeMap map(clock_rate_hz, state.nominal_timestamp(), state.nominal_utc_ns());
  map.piece_.anchor_timestamp = state.anchor_timestamp();
  map.piece_.anchor_utc_ns = state.anchor_utc_ns();
  map.piece_.drift_ppb = state.drift_ppb();
  map.residual_ns_ = state.residual_ns();
  map.window_begin_ = state.window_begin();
  map.least_ns_ = state.least_ns();
  map.least_before_ns_ = state.least_before_ns();
  map.least_nominal_ns_ = state.least_nominal_ns();
  map.least_timestamp_ = state.least_timestamp();
  int i = 0;
  for (double* sum : {&map.windows_, &map.sum_x_, &map.sum_y_, &map.sum_xx_, &map.sum_xy_})
    if (i < state.sums_size()) *sum = state.sums(i++);
  return map;
}

v1::GapFinderState GapFinder::Save() const {
  v1::GapFinderState state;
  if (map_) *state.mutable_map() = map_->Save();
  state.set_spacing_ticks(spacing_ticks_);
  state.set_end_timestamp(end_timestamp_);
  state.set_end_utc_ns(end_utc_ns_);
  state.set_last_timestamp(last_timestamp_);
  state.set_last_sequence(last_sequence_);
  state.set_last_arrival_utc_ns(last_arrival_utc_ns_);
  state.set_last_was_comfort_noise(last_was_comfort_noise_);
  state.set_duration_was_told(duration_was_told_);
  state.set_lost(lost_);
  state.set_snap_utc_ns(options_.snap_utc_ns);
  return state;
}

void GapFinder::Restore(const v1::GapFinderState& state) {
  map_.reset();
  if (state.has_map()) map_ = TimeMap::Restored(options_.clock_rate_hz, state.map());
  spacing_ticks_ = state.spacing_ticks();
  end_timestamp_ = state.end_timestamp();
  end_utc_ns_ = state.end_utc_ns();
  last_timestamp_ = state.last_timestamp();
  last_sequence_ = state.last_sequence();
  last_arrival_utc_ns_ = state.last_arrival_utc_ns();
  last_was_comfort_noise_ = state.last_was_comfort_noise();
  duration_was_told_ = state.duration_was_told();
  lost_ = state.lost();
  options_.snap_utc_ns = state.snap_utc_ns();
}

v1::IntervalSet SaveIntervals(const Intervals& set) {
  v1::IntervalSet state;
  int64_t at_ns = 0;
  for (const UtcInterval& one : set) {
    state.add_steps_ns(one.begin_ns - at_ns);
    state.add_steps_ns(one.end_ns - one.begin_ns);
    at_ns = one.end_ns;
  }
  return state;
}

Intervals RestoreIntervals(const v1::IntervalSet& state) {
  Intervals set;
  int64_t at_ns = 0;
  for (int i = 0; i + 1 < state.steps_ns_size(); i += 2) {
    const int64_t begin_ns = at_ns + state.steps_ns(i);
    at_ns = begin_ns + state.steps_ns(i + 1);
    set.push_back({begin_ns, at_ns});
  }
  return set;
}

v1::BooksState::Settled SettledTime::Save() const {
  v1::BooksState::Settled state;
  if (!recorded.empty()) *state.mutable_recorded() = SaveIntervals(recorded);
  if (!silence.empty()) *state.mutable_silence() = SaveIntervals(silence);
  if (!edges.empty()) *state.mutable_edges() = SaveIntervals(edges);
  state.set_clipped_ns(clipped_ns);
  return state;
}

SettledTime SettledTime::Restored(const v1::BooksState::Settled& state) {
  return {.recorded = RestoreIntervals(state.recorded()),
          .silence = RestoreIntervals(state.silence()),
          .edges = RestoreIntervals(state.edges()),
          .clipped_ns = state.clipped_ns()};
}

v1::BooksState StreamBooks::Save() const {
  v1::BooksState state;
  state.set_settled_ns(settled_ns_);
  state.set_known_ns(known_ns_);
  for (const Source& from : sources_) {
    v1::BooksState::Source& source = *state.add_sources();
    *source.mutable_recorded() = SaveIntervals(from.recorded);
    *source.mutable_silence() = SaveIntervals(from.silence);
    for (const Hole& hole : from.holes) {
      v1::BooksState::Hole& to = *source.add_holes();
      to.set_begin_ns(hole.interval.begin_ns);
      to.set_end_ns(hole.interval.end_ns);
      to.set_cause(hole.cause);
      to.set_first_missing_sequence(hole.first_missing_sequence);
      to.set_missing_packets(hole.missing_packets);
    }
    *source.mutable_settled() = from.settled.Save();
  }
  if (!pauses_.empty()) *state.mutable_pauses() = SaveIntervals(pauses_);
  if (paused_since_) state.set_paused_since_ns(*paused_since_);
  for (const int64_t last_utc_ns : outages_ns_) state.add_outages_ns(last_utc_ns);
  return state;
}

void StreamBooks::Restore(const v1::BooksState& state) {
  settled_ns_ = state.settled_ns();
  known_ns_ = state.known_ns();
  sources_.clear();
  for (const v1::BooksState::Source& from : state.sources()) {
    Source source{.recorded = RestoreIntervals(from.recorded()),
                  .silence = RestoreIntervals(from.silence()),
                  .settled = SettledTime::Restored(from.settled())};
    for (const v1::BooksState::Hole& hole : from.holes())
      source.holes.push_back({.interval = {hole.begin_ns(), hole.end_ns()},
                              .cause = hole.cause(),
                              .first_missing_sequence = hole.first_missing_sequence(),
                              .missing_packets = hole.missing_packets()});
    sources_.push_back(std::move(source));
  }
  pauses_ = RestoreIntervals(state.pauses());
  paused_since_.reset();
  if (state.has_paused_since_ns()) paused_since_ = state.paused_since_ns();
  outages_ns_.assign(state.outages_ns().begin(), state.outages_ns().end());
}

}  // namespace turret::node
