#include "node/presence/presence.h"

#include <algorithm>

namespace turret::node {
namespace {

v1::Interval MakeInterval(absl::Time begin, absl::Time end) {
  v1::Interval interval;
  interval.set_begin_utc_ns(absl::ToUnixNanos(begin));
  interval.set_end_utc_ns(absl::ToUnixNanos(end));
  return interval;
}

/// Intervals of one line come in order: those that touch become one.
void AddInterval(std::vector<v1::Interval>& intervals, absl::Time begin, absl::Time end) {
  if (begin >= end) return;
  const v1::Interval added = MakeInterval(begin, end);
  if (!intervals.empty() && intervals.back().end_utc_ns() >= added.begin_utc_ns()) {
    intervals.back().set_end_utc_ns(added.end_utc_ns());
  } else {
    intervals.push_back(added);
  }
}

}  // namespace

Presence::Presence(NodeId node, RunId run, Clock& clock, Random& random)
    : node_(node), run_(run), clock_(clock), random_(random) {}

absl::Time Presence::Tick() {
  latest_ = std::max(latest_, absl::FromUnixNanos(absl::ToUnixNanos(clock_.Utc())));
  return latest_;
}

absl::Time Presence::Now() {
  absl::MutexLock lock(&mutex_);
  return Tick();
}

std::vector<v1::Fact> Presence::SetEnrolment(uint64_t version, const NodeCounts& counts) {
  absl::MutexLock lock(&mutex_);
  const absl::Time at = Tick();
  std::vector<v1::Fact> facts = CloseLocked(at, counts);
  version_ = version;
  if (!listening_) begin_ = at;
  listening_ = true;
  return facts;
}

absl::Time Presence::Begin(const std::vector<LineId>& lines) {
  absl::MutexLock lock(&mutex_);
  const absl::Time at = Tick();
  for (const LineId& line : lines) {
    Busy& busy = busy_[line];
    if (busy.sessions++ == 0) busy.since = at;
  }
  return at;
}

absl::Time Presence::End(const std::vector<LineId>& lines) {
  absl::MutexLock lock(&mutex_);
  const absl::Time at = Tick();
  for (const LineId& line : lines) {
    const auto found = busy_.find(line);
    if (found == busy_.end() || found->second.sessions == 0) continue;
    if (--found->second.sessions == 0) AddInterval(found->second.done, found->second.since, at);
  }
  return at;
}

void Presence::CountRefused(std::string_view reason) {
  absl::MutexLock lock(&mutex_);
  ++refused_[std::string(reason)];
}

std::vector<v1::Fact> Presence::Close(const NodeCounts& counts) {
  absl::MutexLock lock(&mutex_);
  return CloseLocked(Tick(), counts);
}

std::vector<v1::Fact> Presence::Stop(const NodeCounts& counts) {
  absl::MutexLock lock(&mutex_);
  std::vector<v1::Fact> facts = CloseLocked(Tick(), counts);
  listening_ = false;
  return facts;
}

std::vector<v1::Fact> Presence::CloseLocked(absl::Time at, const NodeCounts& counts) {
  if (!listening_ || at <= begin_) return {};
  v1::Fact fact;
  fact.set_fact_id(FactId::Make(random_).ToProto());
  fact.set_utc_ns(absl::ToUnixNanos(at));
  v1::Presence& record = *fact.mutable_presence();
  record.set_node_id(node_.ToProto());
  record.set_run_id(run_.ToProto());
  record.set_first_of_run(first_);
  *record.mutable_interval() = MakeInterval(begin_, at);
  record.set_enrolment_version(version_);
  FillBusy(at, record);
  record.set_sessions(counts.sessions);
  *record.mutable_counts() = counts.packets;
  for (const auto& [reason, count] : refused_) (*record.mutable_refused())[reason] = count;
  record.set_clock_divergence_ns(absl::ToInt64Nanoseconds(counts.clock.divergence_max));
  record.set_clock_synchronised(counts.clock.synchronised);
  first_ = false;
  begin_ = at;
  return {std::move(fact)};
}

void Presence::FillBusy(absl::Time at, v1::Presence& record) {
  for (auto line = busy_.begin(); line != busy_.end();) {
    Busy& busy = line->second;
    if (busy.sessions > 0) {
      AddInterval(busy.done, std::max(busy.since, begin_), at);
      busy.since = at;
    }
    for (const v1::Direction direction : {v1::DIRECTION_OWN, v1::DIRECTION_FAR}) {
      if (busy.done.empty()) break;
      v1::Presence::Busy& stated = *record.add_busy();
      stated.set_line_id(line->first.ToProto());
      stated.set_direction(direction);
      stated.mutable_intervals()->Add(busy.done.begin(), busy.done.end());
    }
    busy.done.clear();
    line = busy.sessions == 0 ? busy_.erase(line) : std::next(line);
  }
}

}  // namespace turret::node
