#include "storage/base/status.h"
#include "storage/index/applier.h"
#include "storage/index/keys.h"

namespace turret::index {
namespace {

template <class Visit>
absl::Status ForEachLine(const v1::CallStarted& started, const Visit& visit) {
  for (const std::string& line : started.line_ids())
    if (IsId(line)) TURRET_RETURN_IF_ERROR(visit(line));
  return absl::OkStatus();
}

std::string When(const std::string& call, const v1::CallStarted& started) {
  return Join(TimeKey(started.answered_utc_ns()), call);
}

}  // namespace

absl::Status Applier::ApplyCallFact(const v1::Fact& fact, uint64_t entry) {
  const std::string& call = fact.call_id();
  if (!fact.has_call_ended()) TURRET_RETURN_IF_ERROR(NodeIsBack(call));
  v1::CallRow addition;
  addition.add_entries(entry);
  switch (fact.what_case()) {
    case v1::Fact::kCallStarted:
      TURRET_RETURN_IF_ERROR(Started(call, fact.call_started()));
      break;
    case v1::Fact::kCallUpdated:
      TURRET_RETURN_IF_ERROR(Updated(call, fact.call_updated()));
      break;
    case v1::Fact::kStreamOpened:
      TURRET_RETURN_IF_ERROR(StreamOpened(call, fact.stream_opened()));
      break;
    case v1::Fact::kStreamProgress:
      TURRET_RETURN_IF_ERROR(StreamProgress(call, fact.stream_progress()));
      break;
    case v1::Fact::kGap:
      *addition.add_gaps() = fact.gap();
      break;
    case v1::Fact::kPaused:
      *addition.add_paused() = fact.paused();
      break;
    case v1::Fact::kCallEnded:
      TURRET_RETURN_IF_ERROR(Ended(call, fact.call_ended()));
      break;
    case v1::Fact::kPresence:
    case v1::Fact::kStreamPauseChanged:
    case v1::Fact::WHAT_NOT_SET:
      break;
  }
  batch_.Append(Family::kCalls, call, addition);
  return absl::OkStatus();
}

// A call has one start: it decides where the call stands in every list, so a second one is kept in the ledger
// only.
absl::Status Applier::Started(const std::string& call, const v1::CallStarted& started) {
  TURRET_ASSIGN_OR_RETURN(const v1::CallRow row, batch_.GetMessage<v1::CallRow>(Family::kCalls, call));
  if (row.has_started()) return absl::OkStatus();
  const std::string when = When(call, started);
  TURRET_RETURN_IF_ERROR(batch_.Mark(Family::kByTime, when));
  TURRET_RETURN_IF_ERROR(ForEachLine(
      started, [&](const std::string& line) { return batch_.Mark(Family::kByLine, Join(line, when)); }));
  TURRET_RETURN_IF_ERROR(MarkTraders(started, when));
  TURRET_RETURN_IF_ERROR(MarkParties(started.parties(), when));
  for (const v1::CallUpdated& update : row.updates())
    TURRET_RETURN_IF_ERROR(MarkParties(update.parties(), when));
  v1::CallRow addition;
  *addition.mutable_started() = started;
  batch_.Append(Family::kCalls, call, addition);

  if (row.has_ended()) {
    return ForEachLine(started, [&](const std::string& line) {
      return RaiseLongest(line, started.answered_utc_ns(), row.ended().ended_utc_ns());
    });
  }
  return MarkRunning(call, started);
}

absl::Status Applier::Updated(const std::string& call, const v1::CallUpdated& updated) {
  TURRET_ASSIGN_OR_RETURN(const v1::CallRow row, batch_.GetMessage<v1::CallRow>(Family::kCalls, call));
  if (row.has_started()) TURRET_RETURN_IF_ERROR(MarkParties(updated.parties(), When(call, row.started())));
  v1::CallRow addition;
  *addition.add_updates() = updated;
  batch_.Append(Family::kCalls, call, addition);
  return absl::OkStatus();
}

// The coordinator closed the call for a node that did not return; what the node says now counts instead.
absl::Status Applier::NodeIsBack(const std::string& call) {
  if (!closed_.contains(call)) {
    TURRET_ASSIGN_OR_RETURN(const auto running, batch_.Get(Family::kRunning, Join(kZeroId, call)));
    if (running.has_value()) return absl::OkStatus();
  }
  TURRET_ASSIGN_OR_RETURN(v1::CallRow row, batch_.GetMessage<v1::CallRow>(Family::kCalls, call));
  if (row.ended().reason() != v1::CallEnded::NODE_AWAY) return absl::OkStatus();
  row.clear_ended();
  batch_.Put(Family::kCalls, call, Serialise(row));
  return row.has_started() ? MarkRunning(call, row.started()) : absl::OkStatus();
}

absl::Status Applier::MarkRunning(const std::string& call, const v1::CallStarted& started) {
  TURRET_RETURN_IF_ERROR(batch_.Mark(Family::kRunning, Join(kZeroId, call)));
  return ForEachLine(
      started, [&](const std::string& line) { return batch_.Mark(Family::kRunning, Join(line, call)); });
}

// The last statement of the node counts, and any of them before the coordinator's.
absl::Status Applier::Ended(const std::string& call, const v1::CallEnded& ended) {
  TURRET_ASSIGN_OR_RETURN(v1::CallRow row, batch_.GetMessage<v1::CallRow>(Family::kCalls, call));
  if (ended.reason() == v1::CallEnded::NODE_AWAY) {
    if (row.has_ended()) return absl::OkStatus();
    closed_.insert(call);
  }
  if (row.has_ended()) {
    *row.mutable_ended() = ended;
    batch_.Put(Family::kCalls, call, Serialise(row));
  } else {
    v1::CallRow addition;
    *addition.mutable_ended() = ended;
    batch_.Append(Family::kCalls, call, addition);
  }
  if (!row.has_started()) return absl::OkStatus();
  TURRET_RETURN_IF_ERROR(batch_.Unmark(Family::kRunning, Join(kZeroId, call)));
  return ForEachLine(row.started(), [&](const std::string& line) -> absl::Status {
    TURRET_RETURN_IF_ERROR(batch_.Unmark(Family::kRunning, Join(line, call)));
    return RaiseLongest(line, row.started().answered_utc_ns(), ended.ended_utc_ns());
  });
}

absl::Status Applier::MarkParties(const google::protobuf::RepeatedPtrField<v1::Party>& parties,
                                  const std::string& when) {
  for (const v1::Party& party : parties)
    for (const std::string& term : PartyTerms(party.name(), party.aor()))
      TURRET_RETURN_IF_ERROR(batch_.Mark(Family::kByParty, Join(Token(token_key_, term), when)));
  return absl::OkStatus();
}

absl::Status Applier::MarkTraders(const v1::CallStarted& started, const std::string& when) {
  return ForEachLine(started, [&](const std::string& line_id) -> absl::Status {
    TURRET_ASSIGN_OR_RETURN(const v1::LineRow row, batch_.GetMessage<v1::LineRow>(Family::kLines, line_id));
    const v1::Line* const line = LineAsOf(row, started.answered_utc_ns());
    const std::string trader = line == nullptr ? "" : NormaliseName(line->trader());
    if (trader.empty()) return absl::OkStatus();
    return batch_.Mark(Family::kByTrader, Join(Token(token_key_, trader), when));
  });
}

// Unsigned, since a node may say anything and a signed difference might overflow.
absl::Status Applier::RaiseLongest(std::string_view id, int64_t begin_ns, int64_t end_ns) {
  if (end_ns <= begin_ns) return absl::OkStatus();
  const uint64_t length_ns = static_cast<uint64_t>(end_ns) - static_cast<uint64_t>(begin_ns);
  TURRET_ASSIGN_OR_RETURN(const std::optional<std::string> before, batch_.Get(Family::kLongest, id));
  if (length_ns > (before.has_value() ? U64From(*before) : 0))
    batch_.Put(Family::kLongest, id, U64Key(length_ns));
  return absl::OkStatus();
}

absl::Status Applier::StreamOpened(const std::string& call, const v1::StreamOpened& opened) {
  const std::string& stream = opened.stream_id();
  if (!IsId(stream)) return absl::OkStatus();
  TURRET_ASSIGN_OR_RETURN(v1::StreamRow row, batch_.GetMessage<v1::StreamRow>(Family::kStreams, stream));
  if (row.has_opened()) {  // Taken up again: the last statement counts.
    *row.mutable_opened() = opened;
    batch_.Put(Family::kStreams, stream, Serialise(row));
    return absl::OkStatus();
  }
  v1::StreamRow addition;
  *addition.mutable_opened() = opened;
  addition.set_call_id(call);
  batch_.Append(Family::kStreams, stream, addition);
  v1::CallRow call_addition;
  call_addition.add_stream_ids(stream);
  batch_.Append(Family::kCalls, call, call_addition);
  return absl::OkStatus();
}

absl::Status Applier::StreamProgress(const std::string& call, const v1::StreamProgress& progress) {
  if (!IsId(progress.stream_id())) return absl::OkStatus();
  v1::StreamRow addition;
  addition.set_call_id(call);
  *addition.add_progress() = progress;
  batch_.Append(Family::kStreams, progress.stream_id(), addition);
  return absl::OkStatus();
}

}  // namespace turret::index
