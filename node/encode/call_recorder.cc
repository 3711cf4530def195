#include "node/encode/call_recorder.h"

#include <algorithm>
#include <limits>

#include "storage/key/intake.h"

namespace turret::node {

void CallRecorder::Resume(ResumedCall resumed) {
  const v1::CallState& state = resumed.state;
  if (state.has_begin_utc_ns()) begin_ns_ = state.begin_utc_ns();
  unopened_.assign(state.unopened().begin(), state.unopened().end());
  skip_below_ = state.position();
  for (UnitKeyRecord& unit : resumed.units) unit_keys_.insert_or_assign(unit.unit, std::move(unit.key));
  for (const v1::StreamState& stream : resumed.streams) {
    const auto key = unit_keys_.find(UnitId::FromProto(stream.opened().unit_id()).value_or(UnitId{}));
    auto made = key == unit_keys_.end() ? absl::NotFoundError("no unit key")
                                        : StreamRecorder::Resume(stream, key->second, parts_);
    if (!made.ok()) {
      parts_.metrics.BrokenInvariant("a remembered stream can be taken up");
      unopened_.push_back(stream.opened());
      continue;
    }
    const StreamId id = *StreamId::FromProto(stream.opened().stream_id());
    streams_.insert_or_assign(id, *std::move(made));
  }
}

void CallRecorder::Remember(uint64_t position) {
  if (parts_.points == nullptr) return;
  v1::CallState state;
  state.set_call_id(call_.ToProto());
  if (begin_ns_) state.set_begin_utc_ns(*begin_ns_);
  for (const v1::StreamOpened& opened : unopened_) *state.add_unopened() = opened;
  parts_.points->CallChanged(call_, position, state);
}

void CallRecorder::OnRunStarted(uint64_t position, int64_t last_utc_ns) {
  for (const auto& [id, stream] : streams_) stream->OnRunStarted(position, last_utc_ns);
}

void CallRecorder::OnUnitKey(uint64_t position, UnitKeyRecord unit) {
  if (position < skip_below_) return;
  const UnitNames names{
      .unit = unit.unit, .call = unit.call, .storage_class = unit.storage_class, .day = unit.day};
  const absl::StatusOr<v1::IntakeKey> intake = parts_.keys.For(unit.day);
  absl::StatusOr<v1::UnitOpened> opened =
      intake.ok() ? SealUnitKey(names, unit.key, *intake, parts_.random) : intake.status();
  if (opened.ok()) {
    parts_.items.Emit(*std::move(opened), position, begin_ns_.value_or(0));
  } else {
    parts_.metrics.BrokenInvariant("a unit key can be sealed to the archive");
  }
  if (parts_.points != nullptr) parts_.points->AddUnit(position, unit);
  unit_keys_.insert_or_assign(unit.unit, std::move(unit.key));
  Remember(position);
}

StreamRecorder* CallRecorder::OnFact(uint64_t position, v1::Fact fact) {
  if (fact.has_stream_pause_changed()) {
    const v1::StreamPauseChanged& change = fact.stream_pause_changed();
    const auto at = streams_.find(StreamId::FromProto(change.stream_id()).value_or(StreamId{}));
    if (at != streams_.end()) at->second->OnPauseChanged(position, change.paused(), fact.utc_ns());
    return nullptr;
  }
  if (position < skip_below_) return nullptr;
  StreamRecorder* const stream = Take(position, std::move(fact));
  if (stream != nullptr) stream->Remember(position + 1);
  if (!ended_) Remember(position);
  if (ended_ && parts_.points != nullptr) parts_.points->CallEnded(call_, position);
  return stream;
}

StreamRecorder* CallRecorder::Take(uint64_t position, v1::Fact fact) {
  const int64_t utc_ns = fact.utc_ns();
  switch (fact.what_case()) {
    case v1::Fact::kCallEnded: {
      v1::CallEnded& ended = *fact.mutable_call_ended();
      for (const auto& [id, stream] : streams_) stream->Finish(position, ended.ended_utc_ns(), ended);
      StateUnopened(position, ended.ended_utc_ns());
      ended_ = true;
      parts_.items.Emit(std::move(fact), position, utc_ns);
      return nullptr;
    }
    case v1::Fact::kStreamOpened: {
      StreamRecorder* const stream = Open(fact);
      parts_.items.Emit(std::move(fact), position, utc_ns);
      return stream;
    }
    case v1::Fact::kCallStarted:
      begin_ns_ = fact.call_started().answered_utc_ns();
      break;
    default:
      break;
  }
  parts_.items.Emit(std::move(fact), position, utc_ns);
  return nullptr;
}

StreamRecorder* CallRecorder::Open(const v1::Fact& fact) {
  const v1::StreamOpened& opened = fact.stream_opened();
  const auto key = unit_keys_.find(UnitId::FromProto(opened.unit_id()).value_or(UnitId{}));
  if (key == unit_keys_.end()) {
    parts_.metrics.BrokenInvariant("a stream's unit key is known when it opens");
    unopened_.push_back(opened);
    return nullptr;
  }
  absl::StatusOr<std::unique_ptr<StreamRecorder>> made =
      StreamRecorder::Create(opened, call_, begin_ns_.value_or(fact.utc_ns()), key->second, parts_);
  if (!made.ok()) {
    parts_.metrics.BrokenInvariant("a stream can be opened");
    unopened_.push_back(opened);
    return nullptr;
  }
  const StreamId id = *StreamId::FromProto(opened.stream_id());
  return streams_.insert_or_assign(id, *std::move(made)).first->second.get();
}

void CallRecorder::StateUnopened(uint64_t position, int64_t end_utc_ns) {
  for (const v1::StreamOpened& opened : unopened_) {
    const SettledGap gap{{begin_ns_.value_or(end_utc_ns), end_utc_ns}, v1::GAP_CAUSE_KEY_UNAVAILABLE};
    if (gap.interval.begin_ns >= end_utc_ns) continue;
    for (const v1::ChannelOf& channel : opened.channels())
      parts_.metrics.GapSettled(ToHex(AsBytes(channel.line_id())), gap.cause,
                                absl::Nanoseconds(end_utc_ns - gap.interval.begin_ns));
    parts_.items.Emit(MakeGapFact(call_, opened, gap, 0), position, end_utc_ns);
  }
}

void CallRecorder::OnTime(int64_t now_utc_ns, uint64_t position) {
  for (const auto& [id, stream] : streams_) stream->OnTime(now_utc_ns, position);
}

uint64_t CallRecorder::OldestNeeded() const {
  uint64_t oldest = std::numeric_limits<uint64_t>::max();
  for (const auto& [id, stream] : streams_) oldest = std::min(oldest, stream->OldestNeeded());
  return oldest;
}

int64_t CallRecorder::AbsentStreams(int64_t now_utc_ns) const {
  return std::ranges::count_if(streams_, [&](const auto& entry) { return entry.second->Absent(now_utc_ns); });
}

}  // namespace turret::node
