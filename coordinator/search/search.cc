#include "coordinator/search/search.h"

#include <algorithm>

#include "fmt/format.h"
#include "storage/base/status.h"

namespace turret::coordinator {
namespace {

template <class List, class Value>
void AddOnce(List* list, const Value& value) {
  if (std::find(list->begin(), list->end(), value) == list->end()) list->Add(Value(value));
}

/// Everybody who was on the call: a later statement about the same participant replaces the earlier one.
std::vector<v1::Party> PartiesOf(const v1::CallRow& row) {
  std::vector<v1::Party> parties;
  const auto add = [&](const v1::Party& party) {
    const auto known = std::find_if(parties.begin(), parties.end(), [&](const v1::Party& other) {
      if (!party.participant_id().empty()) return other.participant_id() == party.participant_id();
      return other.name() == party.name() && other.aor() == party.aor();
    });
    if (known == parties.end()) {
      parties.push_back(party);
      return;
    }
    if (!party.name().empty()) known->set_name(party.name());
    if (!party.aor().empty()) known->set_aor(party.aor());
  };
  for (const v1::Party& party : row.started().parties()) add(party);
  for (const v1::CallUpdated& update : row.updates())
    for (const v1::Party& party : update.parties()) add(party);
  return parties;
}

std::string ShownName(const std::vector<v1::Party>& parties, const std::string& participant_id) {
  for (const v1::Party& party : parties) {
    if (party.participant_id() != participant_id) continue;
    if (!party.name().empty()) return party.name();
    if (!party.aor().empty()) return party.aor();
  }
  return participant_id;
}

absl::StatusOr<v1::StreamSummary> SummariseStream(const Index& index, const std::string& id,
                                                  const std::vector<v1::Party>& parties) {
  TURRET_ASSIGN_OR_RETURN(const StreamId stream, StreamId::FromProto(id));
  TURRET_ASSIGN_OR_RETURN(const v1::StreamRow row, index.Stream(stream));
  v1::StreamSummary summary;
  summary.set_stream_id(id);
  summary.set_label(row.opened().label());
  if (!row.opened().participant_id().empty())
    summary.set_participant(ShownName(parties, row.opened().participant_id()));
  summary.set_codec(row.opened().codec());
  summary.set_segments(row.segments());
  if (row.progress_size() > 0) *summary.mutable_counts() = row.progress(row.progress_size() - 1).counts();
  for (const v1::StreamProgress& progress : row.progress())
    summary.mutable_recorded()->MergeFrom(progress.recorded());
  return summary;
}

absl::Status AddLines(const Index& index, const v1::CallStarted& started, v1::CallSummary& summary) {
  for (const std::string& id : started.line_ids()) {
    const absl::StatusOr<LineId> line_id = LineId::FromProto(id);
    if (!line_id.ok()) continue;
    TURRET_ASSIGN_OR_RETURN(const v1::LineRow history, index.LineHistory(*line_id));
    const v1::Line* const line = LineAsOf(history, started.answered_utc_ns());
    if (line == nullptr) continue;
    AddOnce(summary.mutable_lines(), line->name());
    AddOnce(summary.mutable_traders(), line->trader());
    AddOnce(summary.mutable_desks(), line->desk());
  }
  return absl::OkStatus();
}

absl::StatusOr<CallQuery> ToQuery(const Index& index, const v1::FindCallsRequest& request) {
  CallQuery query{.trader = request.trader(), .line = std::nullopt, .party = request.party()};
  if (request.from_utc_ns() < 0 || request.until_utc_ns() < 0)
    return absl::InvalidArgumentError("from, until: before 1970");
  if (request.until_utc_ns() != 0 && request.until_utc_ns() <= request.from_utc_ns())
    return absl::InvalidArgumentError("until: must be later than from");
  query.from = absl::FromUnixNanos(request.from_utc_ns());
  if (request.until_utc_ns() != 0) query.until = absl::FromUnixNanos(request.until_utc_ns());
  if (request.limit() != 0) query.limit = request.limit();
  if (!request.line().empty()) {
    TURRET_ASSIGN_OR_RETURN(const v1::Line line, FindLine(index, request.line()));
    TURRET_ASSIGN_OR_RETURN(query.line, LineId::FromProto(line.line_id()));
  }
  return query;
}

}  // namespace

absl::StatusOr<std::vector<v1::CallSummary>> FindCalls(const Index& index,
                                                       const v1::FindCallsRequest& request) {
  TURRET_ASSIGN_OR_RETURN(const CallQuery query, ToQuery(index, request));
  std::vector<CallId> calls;
  if (request.call_id().empty()) {
    TURRET_ASSIGN_OR_RETURN(calls, index.Find(query));
  } else {
    TURRET_ASSIGN_OR_RETURN(const CallId call, CallId::FromProto(request.call_id()));
    calls.push_back(call);
  }
  std::vector<v1::CallSummary> summaries;
  for (const CallId& call : calls) {
    TURRET_ASSIGN_OR_RETURN(v1::CallSummary summary, Summarise(index, call));
    summaries.push_back(std::move(summary));
  }
  return summaries;
}

absl::StatusOr<v1::CallSummary> Summarise(const Index& index, const CallId& call) {
  TURRET_ASSIGN_OR_RETURN(const v1::CallRow row, index.Call(call));
  const v1::CallStarted& started = row.started();
  v1::CallSummary summary;
  summary.set_call_id(call.ToProto());
  summary.set_started_utc_ns(started.answered_utc_ns());
  summary.set_ended_utc_ns(row.ended().ended_utc_ns());
  summary.set_end_reason(row.ended().reason());
  summary.set_storage_class(started.storage_class());
  *summary.mutable_rules() = started.rules();
  summary.set_policy(started.policy());
  summary.set_sip_call_id(started.sip_call_id());
  TURRET_RETURN_IF_ERROR(AddLines(index, started, summary));
  const std::vector<v1::Party> parties = PartiesOf(row);
  summary.mutable_parties()->Add(parties.begin(), parties.end());
  for (const std::string& id : row.stream_ids()) {
    TURRET_ASSIGN_OR_RETURN(*summary.add_streams(), SummariseStream(index, id, parties));
  }
  *summary.mutable_gaps() = row.gaps();
  summary.mutable_gaps()->MergeFrom(row.ended().gaps());
  std::stable_sort(summary.mutable_gaps()->begin(), summary.mutable_gaps()->end(),
                   [](const v1::Gap& a, const v1::Gap& b) {
                     return a.interval().begin_utc_ns() < b.interval().begin_utc_ns();
                   });
  for (const int flag : started.flags()) AddOnce(summary.mutable_flags(), flag);
  for (const v1::CallUpdated& update : row.updates())
    for (const int flag : update.flags()) AddOnce(summary.mutable_flags(), flag);
  return summary;
}

absl::StatusOr<v1::Line> FindLine(const Index& index, std::string_view name) {
  const absl::StatusOr<LineId> exact = index.LineNamed(name);
  if (!exact.ok() && !absl::IsNotFound(exact.status())) return exact.status();
  if (exact.ok()) {
    TURRET_ASSIGN_OR_RETURN(const v1::LineRow history, index.LineHistory(*exact));
    const v1::Line* const line = LineAsOf(history, INT64_MAX);
    if (line != nullptr) return *line;
  }
  // Written in another way: taken if it can mean one line only.
  TURRET_ASSIGN_OR_RETURN(const std::optional<v1::EnrolmentChanged> newest, index.LatestEnrolment());
  const std::string wanted = NormaliseName(name);
  const v1::Line* found = nullptr;
  for (const v1::Line& line :
       newest.has_value() ? newest->lines() : v1::EnrolmentChanged::default_instance().lines()) {
    if (NormaliseName(line.name()) != wanted) continue;
    if (found != nullptr)
      return absl::InvalidArgumentError(
          "line: several lines are called that; write the name as it was enrolled");
    found = &line;
  }
  if (found == nullptr) return absl::NotFoundError("line: none of this name was ever enrolled");
  return *found;
}

}  // namespace turret::coordinator
