#include "tests/coordinator/coverage/floor_day.h"

#include <algorithm>

namespace turret::test {
namespace {

constexpr int64_t kMarginS = 3 * 3600;  // Listened to before and after the day.
constexpr std::array kDirections = {v1::DIRECTION_OWN, v1::DIRECTION_FAR};

}  // namespace

v1::Interval IntervalOfSeconds(int64_t begin_s, int64_t end_s) {
  return MakeInterval(begin_s * kSecondNs, end_s * kSecondNs);
}

FloorDay::FloorDay(uint64_t seed, int64_t number)
    : begin_s(kDayBeginS + 3 * kDayS * number),
      entries(seed * 1000 + static_cast<uint64_t>(number)),
      line{{0x11, 0x22}},
      random_(seed),
      node_(entries.Make<NodeId>()) {
  truth.fill(Seconds(kDayS, 'i'));
  Enrol();
  PlanDay();
  for (const Span& call : calls_) AddCall(call);
  AddPresences();
  evidence.resize(entries.all().size());
}

int64_t FloorDay::Between(int64_t low, int64_t high) {
  return low + static_cast<int64_t>(random_() % static_cast<uint64_t>(high - low + 1));
}

void FloorDay::Mark(char kind, Span span, size_t channel) {
  for (int64_t at = std::max(span.begin_s, begin_s); at < std::min(span.end_s, begin_s + kDayS); ++at)
    truth[channel][static_cast<size_t>(at - begin_s)] = kind;
}

void FloorDay::Evidence(std::vector<Evidenced> evidenced) {
  evidence.resize(entries.all().size());
  evidence.back() = std::move(evidenced);
}

void FloorDay::Enrol() {
  v1::Line enrolled = MakeLine(line, "LDN-EQ-014/1", "Ada Ashdown");
  enrolled.set_enrolled_utc_ns((kDayBeginS - 10 * kDayS) * kSecondNs);
  enrolled.set_proof_age_ns(proof_age_s * kSecondNs);
  *entries.AddEnrolment(1, enrolled.enrolled_utc_ns()).add_lines() = enrolled;
}

void FloorDay::PlanDay() {
  const int64_t before_s = begin_s - Between(600, 2 * 3600);
  calls_.push_back({before_s, before_s + Between(30, 300)});  // Proves the line; may not be the only one.
  int64_t at_s = begin_s - 60;                                // The first call may reach over midnight.
  for (int n = 0; n < 4; ++n) {
    at_s += Between(1, 5 * 3600);
    const int64_t end_s = at_s + Between(3, 1200);
    calls_.push_back({at_s, end_s});
    at_s = end_s;
    if (n == 1) {
      outage_ = {at_s + Between(1, 600), at_s + Between(700, 1800)};
      at_s = outage_.end_s;
      for (size_t channel = 0; channel < 2; ++channel) Mark('g', outage_, channel);
    }
  }
}

void FloorDay::AddCall(Span span) {
  const CallId call = entries.Make<CallId>();
  entries.AddStarted(call, span.begin_s * kSecondNs, {line});
  starts.emplace_back(entries.all().size() - 1, span.begin_s);
  Evidence({{0, span.begin_s, span.end_s}, {1, span.begin_s, span.end_s}});
  switch (random_() % 4) {
    case 0:  // Both voices in one stream.
      AddStream(call, span, {0, 1});
      break;
    case 1:  // One voice has no stream at all.
      AddStream(call, span, {0});
      Mark('g', span, 1);
      break;
    default:
      AddStream(call, span, {0});
      AddStream(call, span, {1});
  }
  entries.AddEnded(call, span.end_s * kSecondNs);
  Evidence({});
}

void FloorDay::AddStream(const CallId& call, Span span, const std::vector<size_t>& channels) {
  const StreamId stream = entries.Make<StreamId>();
  v1::StreamOpened& opened = *entries.AddFact(call).mutable_stream_opened();
  opened.set_stream_id(stream.ToProto());
  std::vector<Evidenced> whole;
  for (const size_t channel : channels) {
    v1::ChannelOf& of = *opened.add_channels();
    of.set_line_id(line.ToProto());
    of.set_direction(kDirections[channel]);
    whole.push_back({channel, span.begin_s, span.end_s});
  }
  Evidence(std::move(whole));

  int64_t at_s = span.begin_s;
  while (at_s <
         span.end_s) {  // Each round is one progress entry, and the pauses and gaps that were within it.
    v1::StreamProgress progress;
    progress.set_stream_id(stream.ToProto());
    std::vector<Evidenced> evidenced;
    for (int n = 0; n < 4 && at_s < span.end_s; ++n) {
      const bool edge = at_s == span.begin_s || at_s == span.end_s - 1;
      const int64_t length_s = edge ? 1 : Between(1, std::max<int64_t>(1, (span.end_s - at_s - 1) / 2));
      const Span piece{at_s, at_s + length_s};
      at_s = piece.end_s;
      const char kind = edge ? 'e' : "rrrspg"[random_() % 6];
      if (kind == 'p' || kind == 'g') {
        AddSpan(kind, piece, stream, call, channels);
        continue;
      }
      const v1::Interval interval = IntervalOfSeconds(piece.begin_s, piece.end_s);
      *(kind == 'e' ? progress.add_edges() : progress.add_recorded()) = interval;
      if (kind == 's') *progress.add_silence() = interval;
      for (const size_t channel : channels) {
        Mark(kind == 's' ? 'r' : kind, piece, channel);
        evidenced.push_back({channel, piece.begin_s, piece.end_s});
      }
    }
    *entries.AddFact(call).mutable_stream_progress() = progress;
    Evidence(std::move(evidenced));
  }
}

void FloorDay::AddSpan(char kind, Span span, const StreamId& stream, const CallId& call,
                       const std::vector<size_t>& channels) {
  const v1::Interval interval = IntervalOfSeconds(span.begin_s, span.end_s);
  v1::Fact& fact = entries.AddFact(call);
  if (kind == 'p') {
    fact.mutable_paused()->set_stream_id(stream.ToProto());
    *fact.mutable_paused()->mutable_interval() = interval;
  } else {
    fact.mutable_gap()->set_stream_id(stream.ToProto());
    fact.mutable_gap()->set_cause(v1::GAP_CAUSE_PACKET_LOSS);
    *fact.mutable_gap()->mutable_interval() = interval;
  }
  std::vector<Evidenced> evidenced;
  for (const size_t channel : channels) {
    Mark(kind, span, channel);
    evidenced.push_back({channel, span.begin_s, span.end_s});
  }
  Evidence(std::move(evidenced));
}

void FloorDay::AddPresences() {
  std::string run = entries.Make<RunId>().ToProto();
  bool first = true;
  for (int64_t at_s = begin_s - kMarginS; at_s < begin_s + kDayS + kMarginS;) {
    int64_t end_s = std::min(at_s + Between(3000, 9000), begin_s + kDayS + kMarginS);
    if (at_s < outage_.begin_s) end_s = std::min(end_s, outage_.begin_s);
    v1::Presence& presence =
        *entries.AddPresence(node_, IntervalOfSeconds(at_s, end_s), 1).mutable_presence();
    presence.set_run_id(run);
    presence.set_first_of_run(first);
    first = false;
    std::vector<Evidenced> idle = {{0, at_s, end_s}, {1, at_s, end_s}};
    for (const v1::Direction direction : kDirections) {
      v1::Presence::Busy& busy = *presence.add_busy();
      busy.set_line_id(line.ToProto());
      busy.set_direction(direction);
      for (const Span& call : calls_)
        if (call.begin_s < end_s && call.end_s > at_s)
          *busy.add_intervals() =
              IntervalOfSeconds(std::max(at_s, call.begin_s), std::min(end_s, call.end_s));
    }
    // Only its idle seconds: what a call recorded meanwhile stands on its own.
    std::vector<Evidenced> evidenced;
    for (const Evidenced& listened : idle) {
      int64_t from_s = listened.begin_s;
      for (const Span& call : calls_) {
        if (call.begin_s >= end_s || call.end_s <= at_s) continue;
        evidenced.push_back({listened.channel, from_s, call.begin_s});
        from_s = call.end_s;
      }
      evidenced.push_back({listened.channel, from_s, end_s});
    }
    Evidence(std::move(evidenced));
    at_s = end_s;
    if (at_s == outage_.begin_s) {
      at_s = outage_.end_s;
      run = entries.Make<RunId>().ToProto();
      first = true;
    }
  }
}

}  // namespace turret::test
