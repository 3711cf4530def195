#include "tests/coordinator/coverage/line_books.h"

#include "fmt/format.h"

namespace turret::test {

LineBooks::LineBooks()
    : line_(entries_.Make<LineId>()), node_(entries_.Make<NodeId>()), run_(entries_.Make<RunId>()) {}

void LineBooks::Enrol(uint64_t version, int64_t at_s, int64_t proof_age_s) {
  line_config_ = MakeLine(line_, "LDN-1", "Ada Ashdown");
  line_config_.set_enrolled_utc_ns((kDayBeginS + at_s) * kSecondNs);
  line_config_.set_proof_age_ns(proof_age_s * kSecondNs);
  AddVersion(version, at_s, &line_config_);
}

void LineBooks::AddVersion(uint64_t version, int64_t at_s, const v1::Line* line) {
  v1::EnrolmentChanged& enrolment = entries_.AddEnrolment(version, (kDayBeginS + at_s) * kSecondNs);
  if (line != nullptr) *enrolment.add_lines() = *line;
}

void LineBooks::Listen(int64_t begin_s, int64_t end_s, uint64_t version, const Spans& busy) {
  v1::Presence& presence =
      *entries_.AddPresence(node_, IntervalOfSeconds(kDayBeginS + begin_s, kDayBeginS + end_s), version)
           .mutable_presence();
  presence.set_run_id(run_.ToProto());
  presence.set_first_of_run(std::exchange(first_of_run_, false));
  for (const v1::Direction direction : {v1::DIRECTION_OWN, v1::DIRECTION_FAR}) {
    v1::Presence::Busy& stated = *presence.add_busy();
    stated.set_line_id(line_.ToProto());
    stated.set_direction(direction);
    for (const auto& [from_s, until_s] : busy)
      *stated.add_intervals() = IntervalOfSeconds(kDayBeginS + from_s, kDayBeginS + until_s);
  }
}

void LineBooks::Restart() {
  run_ = entries_.Make<RunId>();
  first_of_run_ = true;
}

void LineBooks::OtherNode() {
  node_ = entries_.Make<NodeId>();
  Restart();
}

v1::ChannelOf LineBooks::Channel(v1::Direction direction) const {
  v1::ChannelOf channel;
  channel.set_line_id(line_.ToProto());
  channel.set_direction(direction);
  return channel;
}

void LineBooks::AddCallFacts(const CallId& call, int64_t begin_s, int64_t end_s,
                             const std::vector<v1::Direction>& directions) {
  entries_.AddStarted(call, (kDayBeginS + begin_s) * kSecondNs, {line_});
  for (const v1::Direction direction : directions) {
    const StreamId stream = entries_.Make<StreamId>();
    v1::StreamOpened& opened = *entries_.AddFact(call).mutable_stream_opened();
    opened.set_stream_id(stream.ToProto());
    *opened.add_channels() = Channel(direction);
    v1::StreamProgress& progress = *entries_.AddFact(call).mutable_stream_progress();
    progress.set_stream_id(stream.ToProto());
    *progress.add_recorded() = IntervalOfSeconds(kDayBeginS + begin_s, kDayBeginS + end_s);
  }
}

CallId LineBooks::AddRecordedCall(int64_t begin_s, int64_t end_s,
                                  const std::vector<v1::Direction>& directions) {
  const CallId call = entries_.Make<CallId>();
  AddCallFacts(call, begin_s, end_s, directions);
  entries_.AddEnded(call, (kDayBeginS + end_s) * kSecondNs);
  return call;
}

void LineBooks::AddRunningCall(int64_t begin_s, int64_t reported_s) {
  AddCallFacts(entries_.Make<CallId>(), begin_s, reported_s, {v1::DIRECTION_OWN, v1::DIRECTION_FAR});
}

absl::StatusOr<v1::CoverageReport> LineBooks::Report(const std::string& line, const std::string& day,
                                                     int64_t now_s) {
  FreshIndex index;
  EXPECT_TRUE(entries_.ApplyTo(*index).ok());
  v1::CoverageRequest request;
  request.set_line(line);
  request.set_day(day);
  return coordinator::Coverage(*index, request, absl::FromUnixSeconds(kDayBeginS + now_s));
}

std::vector<std::string> LineBooks::Books(int channel, int64_t now_s) {
  auto report = Report("LDN-1", kDayText, now_s);
  if (!report.ok()) {
    ADD_FAILURE() << report.status();
    return {};
  }
  report_ = *report;
  errors_.assign(report->errors().begin(), report->errors().end());
  std::vector<std::string> told;
  for (const v1::CoverageKind& booked : report->channels(channel).intervals())
    told.push_back(fmt::format("{}-{} {}{}{}", booked.interval().begin_utc_ns() / kSecondNs - kDayBeginS,
                               booked.interval().end_utc_ns() / kSecondNs - kDayBeginS, booked.kind(),
                               booked.detail().empty() ? "" : "/", booked.detail()));
  return told;
}

}  // namespace turret::test
