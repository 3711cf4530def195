// How a stream is remembered at its cuts, and taken up by a later process.
#include <algorithm>
#include <utility>

#include "node/encode/stream_recorder.h"
#include "storage/base/status.h"

namespace turret::node {

// False: this record was seen before what is remembered of it was.
bool StreamRecorder::BeginRecord(uint64_t position) {
  if (position < skip_below_) return false;
  if (!changed_ && parts_.points != nullptr) parts_.points->StreamChanges(call_, id_, position);
  changed_ = true;
  return true;
}

bool StreamRecorder::AllAtCut() const {
  return std::ranges::all_of(sources_, [](const auto& source) { return source->writer.AtCut(); });
}

// A stream is remembered between two records, when little of it is in open segments: behind a cut. Several
// sources may never be cut together: then they are made to. By what follows from the records alone, as
// everything here.
void StreamRecorder::RememberIfDue(uint64_t position, int64_t arrival_ns) {
  const bool cut = std::exchange(cut_, false);
  if (open_since_ns_ == 0) open_since_ns_ = arrival_ns;
  const bool forced = arrival_ns - open_since_ns_ >= kOpenNsMax;
  uint64_t held = 0;
  bool rememberable = true;
  for (const std::unique_ptr<Source>& source : sources_) {
    held += source->reorder.held();
    rememberable = rememberable && source->writer.rememberable();
  }
  if (!forced && (!cut || !rememberable || held > kHeldRememberedMax)) return;
  for (const std::unique_ptr<Source>& source : sources_) {
    if (held > kHeldRememberedMax) Flush(*source);
    if (source->writer.rememberable()) continue;
    source->writer.Cut(/*end_run=*/true,
                       [&](WrittenSegment written) { EmitSegment(*source, std::move(written)); });
  }
  cut_ = false;
  open_since_ns_ = arrival_ns;
  Remember(position + 1);
}

void StreamRecorder::Remember(uint64_t position) {
  if (parts_.points != nullptr) parts_.points->Remember(call_, id_, position, Save());
  changed_ = false;
}

void StreamRecorder::OnRunStarted(uint64_t position, int64_t last_utc_ns) {
  if (!BeginRecord(position)) return;
  for (const std::unique_ptr<Source>& source : sources_) source->reorder.NodeWasDown();
  books_.NodeWasDown(std::max(last_utc_ns, newest_utc_ns_));
}

v1::StreamState StreamRecorder::Save() const {
  v1::StreamState state;
  state.set_call_id(call_.ToProto());
  *state.mutable_opened() = opened_;
  state.set_begin_utc_ns(begin_ns_);
  state.set_pairing_key(pairing_key_);
  state.set_any(any_);
  for (const std::unique_ptr<Source>& from : sources_) {
    v1::SourceState& source = *state.add_sources();
    source.set_ssrc(from->ssrc);
    source.set_address(ToString(from->address.address));
    source.set_port(from->address.port);
    *source.mutable_reorder() = from->reorder.Save();
    *source.mutable_finder() = from->finder.Save();
    *source.mutable_writer() = from->writer.Save();
    source.set_received(from->tally.received);
    source.set_recorded(from->tally.recorded);
    source.set_duplicate(from->tally.duplicate);
    source.set_late(from->tally.late);
    source.set_lost(from->tally.lost);
    for (uint32_t i = 0; i < kDiscardCount; ++i)
      if (from->tally.dropped[i] > 0) (*source.mutable_dropped())[i] = from->tally.dropped[i];
    *source.mutable_settled() = from->settled.Save();
    source.set_last_arrival_ns(from->last_arrival_ns);
    source.set_idle(from->idle);
    source.set_progress_made(from->progress_made);
  }
  *state.mutable_books() = books_.Save();
  for (const v1::CallFlag flag : flagged_) state.add_flags(flag);
  state.set_settle_next_ns(settle_next_ns_);
  state.set_progress_next_ns(progress_next_ns_);
  state.set_last_arrival_ns(last_arrival_ns_);
  state.set_gaps_made(gaps_made_);
  state.set_pauses_made(pauses_made_);
  const int64_t newest_read_ns = parts_.newest_utc_ns != nullptr ? *parts_.newest_utc_ns : 0;
  state.set_newest_utc_ns(std::max(newest_utc_ns_, newest_read_ns));
  state.set_open_since_ns(open_since_ns_);
  return state;
}

absl::StatusOr<std::unique_ptr<StreamRecorder>> StreamRecorder::Resume(const v1::StreamState& state,
                                                                       const SecretKey& unit_key,
                                                                       const RecorderParts& parts) {
  TURRET_ASSIGN_OR_RETURN(const CallId call, CallId::FromProto(state.call_id()));
  TURRET_RETURN_IF_ERROR(StreamId::FromProto(state.opened().stream_id()).status());
  if (state.sources().empty()) return absl::InvalidArgumentError("stream state: no source");
  std::unique_ptr<StreamRecorder> recorder(
      new StreamRecorder(state.opened(), call, state.begin_utc_ns(), unit_key, state.pairing_key(), parts));
  TURRET_RETURN_IF_ERROR(recorder->Restore(state));
  return recorder;
}

absl::Status StreamRecorder::Restore(const v1::StreamState& state) {
  for (const v1::SourceState& source : state.sources()) {
    any_ = !sources_.empty();
    TURRET_ASSIGN_OR_RETURN(std::unique_ptr<Source> restored, RestoreSource(source));
    // What waits in it was received before this process began, and is recorded by it.
    parts_.tally.received += restored->reorder.held();
    sources_.push_back(std::move(restored));
  }
  any_ = state.any();
  books_.Restore(state.books());
  for (const int flag : state.flags()) flagged_.insert(static_cast<v1::CallFlag>(flag));
  settle_next_ns_ = state.settle_next_ns();
  progress_next_ns_ = state.progress_next_ns();
  last_arrival_ns_ = state.last_arrival_ns();
  gaps_made_ = state.gaps_made();
  pauses_made_ = state.pauses_made();
  newest_utc_ns_ = state.newest_utc_ns();
  open_since_ns_ = state.open_since_ns();
  skip_below_ = state.position();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<StreamRecorder::Source>> StreamRecorder::RestoreSource(
    const v1::SourceState& state) {
  SourceAddress address{.port = static_cast<uint16_t>(state.port())};
  Digest last_hash{};
  if (state.address().size() != address.address.size() ||
      (state.writer().segments() > 0) != (state.writer().last_segment_hash().size() == last_hash.size()))
    return absl::InvalidArgumentError("stream state: a source's address or hash has another length");
  std::ranges::copy(AsBytes(state.address()), address.address.begin());
  std::ranges::copy(AsBytes(state.writer().last_segment_hash()), last_hash.begin());
  TURRET_ASSIGN_OR_RETURN(std::unique_ptr<Source> source,
                          MakeSource(state.ssrc(), address, state.writer().segments(), last_hash));
  source->reorder.Restore(state.reorder());
  source->finder.Restore(state.finder());
  if (source->finder.started())
    source->writer.Restore(
        state.writer(), [&](uint8_t type) -> const PayloadCodec& { return CodecFor(type); },
        source->finder.map().piece());
  source->tally.received = state.received();
  source->tally.recorded = state.recorded();
  source->tally.duplicate = state.duplicate();
  source->tally.late = state.late();
  source->tally.lost = state.lost();
  for (const auto& [reason, count] : state.dropped())
    if (reason < kDiscardCount) source->tally.dropped[reason] = count;
  source->settled = SettledTime::Restored(state.settled());
  source->last_arrival_ns = state.last_arrival_ns();
  source->idle = state.idle();
  source->progress_made = state.progress_made();
  return source;
}

}  // namespace turret::node
