#include "node/encode/stream_recorder.h"

#include <algorithm>
#include <limits>

#include "storage/base/status.h"

namespace turret::node {
namespace {

constexpr int64_t kSettleNs = 1'000'000'000;     // How far behind arrival the books are settled.
constexpr int64_t kIdleSlackNs = 1'000'000'000;  // By which records may stand out of order in the spool.
constexpr int64_t kInFlightNs = 100'000'000;     // Media this soon after a pause was on its way.

uint32_t ClockRateOf(const v1::StreamOpened& opened) {
  return opened.clock_rate_hz() == 0 ? 8000 : opened.clock_rate_hz();
}

uint32_t PtimeOf(const v1::StreamOpened& opened) { return opened.ptime_ms() == 0 ? 20 : opened.ptime_ms(); }

}  // namespace

StreamRecorder::StreamRecorder(const v1::StreamOpened& opened, const CallId& call, int64_t begin_utc_ns,
                               const SecretKey& unit_key, std::string pairing_key, const RecorderParts& parts)
    : opened_(opened),
      id_(StreamId::FromProto(opened.stream_id()).value_or(StreamId{})),
      call_(call),
      begin_ns_(begin_utc_ns),
      unit_key_(unit_key.Clone()),
      pairing_key_(std::move(pairing_key)),
      parts_(parts),
      clock_rate_hz_(ClockRateOf(opened)),
      books_(begin_utc_ns),
      progress_next_ns_(begin_utc_ns + kProgressNs) {}

absl::StatusOr<std::unique_ptr<StreamRecorder>> StreamRecorder::Create(const v1::StreamOpened& opened,
                                                                       const CallId& call,
                                                                       int64_t begin_utc_ns,
                                                                       const SecretKey& unit_key,
                                                                       const RecorderParts& parts) {
  TURRET_RETURN_IF_ERROR(StreamId::FromProto(opened.stream_id()).status());
  TURRET_ASSIGN_OR_RETURN(const v1::IntakeKey intake, parts.keys.For(opened.day()));
  std::unique_ptr<StreamRecorder> recorder(
      new StreamRecorder(opened, call, begin_utc_ns, unit_key, intake.pairing_key(), parts));
  TURRET_ASSIGN_OR_RETURN(std::unique_ptr<Source> first, recorder->MakeSource(0, {}));
  recorder->sources_.push_back(std::move(first));
  return recorder;
}

absl::StatusOr<std::unique_ptr<StreamRecorder::Source>> StreamRecorder::MakeSource(
    uint32_t ssrc, const SourceAddress& address, uint64_t segments, Digest last_hash) const {
  const size_t index = any_ ? sources_.size() : 0;
  const StreamId id = index == 0 ? id_ : DerivedStreamId(id_, index);
  TURRET_ASSIGN_OR_RETURN(const UnitId unit, UnitId::FromProto(opened_.unit_id()));
  const SegmentWriterOptions options{.names = {.ledger = parts_.keys.ledger(),
                                               .unit = unit,
                                               .stream = id,
                                               .sequence = segments,
                                               .storage_class = opened_.storage_class(),
                                               .predecessor = last_hash},
                                     .call = call_,
                                     .ssrc = ssrc,
                                     .clock_rate_hz = clock_rate_hz_,
                                     .policy = opened_.policy(),
                                     .opus_bitrate = opened_.opus_bitrate()};
  TURRET_ASSIGN_OR_RETURN(SegmentWriter writer,
                          SegmentWriter::Create(options, unit_key_, AsBytes(pairing_key_)));
  const int64_t ptime_ticks = std::max<int64_t>(1, int64_t{PtimeOf(opened_)} * clock_rate_hz_ / 1000);
  return std::unique_ptr<Source>(new Source{
      .id = id,
      .ssrc = ssrc,
      .address = address,
      .index = index,
      .reorder = Reorder({.clock_rate_hz = clock_rate_hz_, .window_ns = parts_.reorder_window_ns}),
      .finder = GapFinder(
          {.clock_rate_hz = clock_rate_hz_, .ptime_ticks = ptime_ticks, .snap_utc_ns = books_.known_ns()}),
      .writer = std::move(writer)});
}

void StreamRecorder::OnDatagram(uint64_t position, const Datagram& datagram) {
  if (!BeginRecord(position)) return;
  if (const std::optional<Discard> reason = CheckRtp(datagram.bytes)) return Drop(*reason);
  const RtpPacket packet = ReadRtp(datagram.bytes);
  const int64_t arrival_ns = datagram.arrival_utc_ns;
  Source* const source = FindOrOpen(position, packet, datagram);
  if (source == nullptr) return Drop(Discard::kTooManySources);
  for (const std::unique_ptr<Source>& each : sources_)
    if (!each->idle && arrival_ns - each->last_arrival_ns >= kIdleNs) GoIdle(*each);
  source->idle = false;
  source->last_arrival_ns = std::max(source->last_arrival_ns, arrival_ns);
  last_arrival_ns_ = std::max(last_arrival_ns_, arrival_ns);
  ++source->tally.received;
  ++parts_.tally.received;
  source->reorder.Push(packet, arrival_ns, position,
                       [&](const OrderedPacket& ordered) { Place(*source, ordered); });
  Count(*source);
  if (const auto since = books_.paused_since(); since && arrival_ns > *since + kInFlightNs)
    Flag(position, v1::CALL_FLAG_MEDIA_WHILE_PAUSED, arrival_ns);
  if (arrival_ns >= settle_next_ns_) {
    settle_next_ns_ = arrival_ns + kSettleNs;
    Settle(position, arrival_ns - kSettleNs);
  }
  RememberIfDue(position, arrival_ns);
}

// Malformed datagrams tell no source: they count with the first.
void StreamRecorder::Drop(Discard reason) {
  Tally& first = sources_.front()->tally;
  for (Tally* tally : {&first, &parts_.tally}) {
    ++tally->received;
    tally->Drop(reason);
  }
}

StreamRecorder::Source* StreamRecorder::FindOrOpen(uint64_t position, const RtpPacket& packet,
                                                   const Datagram& datagram) {
  if (any_) {
    for (const std::unique_ptr<Source>& source : sources_)
      if (source->ssrc == packet.ssrc && source->address == datagram.source) return source.get();
    if (sources_.size() >= kSourcesMax) return nullptr;
  }
  absl::StatusOr<std::unique_ptr<Source>> made = MakeSource(packet.ssrc, datagram.source);
  if (!made.ok()) {
    parts_.metrics.BrokenInvariant("a stream's further source can be opened");
    return nullptr;
  }
  if (any_) {
    sources_.push_back(*std::move(made));
    StateSecondSource(position, *sources_.back(), datagram.arrival_utc_ns);
  } else {
    (*made)->tally = sources_.front()->tally;
    sources_.front() = *std::move(made);
    any_ = true;
  }
  return sources_.back().get();
}

void StreamRecorder::StateSecondSource(uint64_t position, const Source& source, int64_t utc_ns) {
  v1::Fact fact = MakeFact(call_, id_, "source", source.index, utc_ns);
  *fact.mutable_stream_opened() = opened_;
  fact.mutable_stream_opened()->set_stream_id(source.id.ToProto());
  parts_.items.Emit(std::move(fact), position, utc_ns);
  Flag(position, v1::CALL_FLAG_SECOND_SSRC, utc_ns);
}

void StreamRecorder::Place(Source& source, const OrderedPacket& packet) {
  const PayloadCodec& codec = CodecFor(packet.payload_type);
  const PacketMedia media = MediaOf(codec, packet.payload);
  const auto done = [&](WrittenSegment written) { EmitSegment(source, std::move(written)); };
  source.writer.Prepare(packet, media, codec, done);
  if (source.writer.AtCut()) source.finder.Refit(packet.timestamp);
  const Placed placed = source.finder.Add(packet, media);
  if (placed.hole) books_.AddHole(source.index, *placed.hole);
  books_.Recorded(source.index, placed.interval);
  const bool while_paused = books_.paused_at(packet.arrival_utc_ns);
  source.writer.Add(packet, placed, codec, source.finder.map().piece(), while_paused, done);
  ++source.tally.recorded;
  ++parts_.tally.recorded;
  if (codec.name.empty() && !packet.payload.empty() && !LooksLikeEvent(codec, packet.payload))
    Flag(packet.position, v1::CALL_FLAG_UNKNOWN_CODEC, packet.arrival_utc_ns);
}

const PayloadCodec& StreamRecorder::CodecFor(uint8_t payload_type) {
  for (const auto& [type, codec] : codecs_)
    if (type == payload_type) return codec;
  return codecs_.emplace_back(payload_type, CodecOf(payload_type, opened_)).second;
}

// Takes over what the reorder buffer and the gap finder counted meanwhile.
void StreamRecorder::Count(Source& source) {
  Tally now = source.tally;
  now.duplicate = source.reorder.duplicate();
  now.late = source.reorder.late();
  now.lost = source.finder.lost();
  uint64_t& stray = now.dropped[static_cast<size_t>(Discard::kBadSequence)];
  stray = source.reorder.stray();
  if (now.duplicate == source.tally.duplicate && now.late == source.tally.late &&
      now.lost == source.tally.lost &&
      stray == source.tally.dropped[static_cast<size_t>(Discard::kBadSequence)])
    return;
  Tally more = now;
  more.Subtract(source.tally);
  parts_.tally.Add(more);
  source.tally = now;
}

void StreamRecorder::Flush(Source& source) {
  source.reorder.Flush([&](const OrderedPacket& ordered) { Place(source, ordered); });
  Count(source);
}

void StreamRecorder::GoIdle(Source& source) {
  Flush(source);
  source.writer.Cut(/*end_run=*/true,
                    [&](WrittenSegment written) { EmitSegment(source, std::move(written)); });
  source.idle = true;
  if (AllAtCut()) open_since_ns_ = 0;
}

void StreamRecorder::OnPauseChanged(uint64_t position, bool paused, int64_t utc_ns) {
  if (!BeginRecord(position)) return;
  if (paused) {
    books_.PauseBegan(utc_ns);
  } else if (const auto pause = books_.PauseEnded(utc_ns)) {
    EmitPaused(position, *pause);
  }
}

void StreamRecorder::OnTime(int64_t now_utc_ns, uint64_t position) {
  bool idle = true;
  for (const std::unique_ptr<Source>& source : sources_) {
    if (!source->idle && now_utc_ns - source->last_arrival_ns >= kIdleNs + kIdleSlackNs) GoIdle(*source);
    idle = idle && source->idle;
  }
  if (idle && changed_) Remember(position);
}

void StreamRecorder::Finish(uint64_t position, int64_t end_utc_ns, v1::CallEnded& ended) {
  for (const std::unique_ptr<Source>& source : sources_) GoIdle(*source);
  if (auto pause = books_.PauseEnded(end_utc_ns)) {
    pause->end_ns = std::min(pause->end_ns, end_utc_ns);
    if (pause->begin_ns < pause->end_ns) EmitPaused(position, *pause);
  }
  std::vector<SettledGap> gaps;
  books_.Finish(end_utc_ns, gaps);
  TakeSettled(gaps, position);
  EmitProgress(position, /*ended=*/true, end_utc_ns);
  for (const std::unique_ptr<Source>& source : sources_) {
    v1::CallEnded::StreamEnd& end = *ended.add_streams();
    end.set_stream_id(source->id.ToProto());
    end.set_segments(source->writer.segments());
    if (source->writer.segments() > 0) end.set_last_segment_hash(ToString(source->writer.last_hash()));
  }
}

void StreamRecorder::EmitSegment(const Source& source, WrittenSegment written) {
  cut_ = true;
  parts_.items.Emit(SealedSegment{source.id, written.sequence, std::move(written.sealed)},
                    written.position_oldest, written.arrival_utc_ns_newest);
}

void StreamRecorder::Settle(uint64_t position, int64_t upto_ns) {
  std::vector<SettledGap> gaps;
  books_.Settle(upto_ns, gaps);
  TakeSettled(gaps, position);
  const bool many = std::ranges::any_of(sources_, [](const std::unique_ptr<Source>& source) {
    return source->settled.recorded.size() + source->settled.silence.size() > kProgressIntervalsMax;
  });
  if (books_.settled_ns() < progress_next_ns_ && !many) return;
  while (progress_next_ns_ <= books_.settled_ns()) progress_next_ns_ += kProgressNs;
  EmitProgress(position, /*ended=*/false, books_.settled_ns());
}

void StreamRecorder::TakeSettled(const std::vector<SettledGap>& gaps, uint64_t position) {
  for (const SettledGap& gap : gaps) {
    for (const v1::ChannelOf& channel : opened_.channels())
      parts_.metrics.GapSettled(ToHex(AsBytes(channel.line_id())), gap.cause,
                                absl::Nanoseconds(gap.interval.end_ns - gap.interval.begin_ns));
    parts_.items.Emit(MakeGapFact(call_, opened_, gap, gaps_made_++), position, gap.interval.end_ns);
  }
  for (const std::unique_ptr<Source>& source : sources_) {
    const SettledTime more = books_.Take(source->index);
    if (!more.recorded.empty()) parts_.metrics.Recorded(absl::Nanoseconds(Length(more.recorded)));
    for (const UtcInterval& one : more.recorded) Add(source->settled.recorded, one);
    for (const UtcInterval& one : more.silence) Add(source->settled.silence, one);
    for (const UtcInterval& one : more.edges) Add(source->settled.edges, one);
    source->settled.clipped_ns += more.clipped_ns;
  }
}

void StreamRecorder::EmitProgress(uint64_t position, bool ended, int64_t utc_ns) {
  for (const std::unique_ptr<Source>& source : sources_) {
    v1::Fact fact = MakeFact(call_, source->id, "progress", source->progress_made++, utc_ns);
    v1::StreamProgress& progress = *fact.mutable_stream_progress();
    progress.set_stream_id(source->id.ToProto());
    AddIntervals(source->settled.recorded, *progress.mutable_recorded());
    AddIntervals(source->settled.edges, *progress.mutable_edges());
    AddIntervals(source->settled.silence, *progress.mutable_silence());
    *progress.mutable_counts() = source->tally.ToProto();
    progress.set_segments(source->writer.segments());
    if (source->writer.segments() > 0) progress.set_last_segment_hash(ToString(source->writer.last_hash()));
    progress.set_ended(ended);
    if (source->finder.started()) progress.set_clock_residual_ns(source->finder.map().residual_ns());
    progress.set_clipped_ns(source->settled.clipped_ns);
    source->settled = {};
    parts_.items.Emit(std::move(fact), position, utc_ns);
  }
}

void StreamRecorder::EmitPaused(uint64_t position, const UtcInterval& pause) {
  parts_.items.Emit(MakePausedFact(call_, opened_, pause, pauses_made_++), position, pause.end_ns);
}

void StreamRecorder::Flag(uint64_t position, v1::CallFlag flag, int64_t utc_ns) {
  if (!flagged_.insert(flag).second) return;
  parts_.metrics.CallFlagged(flag);
  parts_.items.Emit(MakeFlagFact(call_, id_, flag, utc_ns), position, utc_ns);
}

uint64_t StreamRecorder::OldestNeeded() const {
  uint64_t oldest = std::numeric_limits<uint64_t>::max();
  for (const std::unique_ptr<Source>& source : sources_)
    oldest = std::min({oldest, source->reorder.OldestHeld(), source->writer.OldestNeeded()});
  return oldest;
}

bool StreamRecorder::Absent(int64_t now_utc_ns) const {
  return !books_.paused_since() && now_utc_ns - std::max(begin_ns_, last_arrival_ns_) > kEdgeNsMax;
}

}  // namespace turret::node
