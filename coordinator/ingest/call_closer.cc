#include "coordinator/ingest/call_closer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "fmt/format.h"
#include "spdlog/spdlog.h"
#include "storage/base/status.h"
#include "storage/segment/segment_plaintext.h"

namespace turret::coordinator {
namespace {

constexpr size_t kClosedAtOnceMax = 500;
constexpr int64_t kJoinNs = 1'000'000;  // Two time maps of one stream differ by less.

v1::Interval MakeInterval(int64_t begin_ns, int64_t end_ns) {
  v1::Interval interval;
  interval.set_begin_utc_ns(begin_ns);
  interval.set_end_utc_ns(end_ns);
  return interval;
}

// Up to when the node has told of a stream.
int64_t ToldUntilNs(const v1::CallRow& call, const v1::StreamRow& row, const std::string& stream) {
  int64_t until_ns = call.started().answered_utc_ns();
  const auto take = [&](const v1::Interval& told) { until_ns = std::max(until_ns, told.end_utc_ns()); };
  for (const v1::StreamProgress& progress : row.progress())
    for (const auto* list : {&progress.recorded(), &progress.silence(), &progress.edges()})
      for (const v1::Interval& told : *list) take(told);
  for (const v1::Gap& gap : call.gaps())
    if (gap.stream_id() == stream) take(gap.interval());
  for (const v1::Paused& paused : call.paused())
    if (paused.stream_id() == stream) take(paused.interval());
  return until_ns;
}

// Ticks that the packet at `at` fills.
int64_t TicksOf(const v1::SegmentBody& body, const std::vector<PacketRow>& rows, size_t at) {
  if (body.codec() == "PCMA" || body.codec() == "PCMU") return rows[at].payload_bytes;
  const auto step = [&](size_t first) {
    return rows[first + 1].sequence == rows[first].sequence + 1
               ? rows[first + 1].timestamp - rows[first].timestamp
               : 0;
  };
  const int64_t ticks = at + 1 < rows.size() ? step(at) : 0;
  return ticks == 0 && at > 0 ? step(at - 1) : ticks;
}

absl::StatusOr<std::vector<v1::Interval>> AudioOf(const Archive& archive, const Index::Placed& placed) {
  TURRET_ASSIGN_OR_RETURN(Buffer raw, archive.OpenSegmentAt(placed));
  TURRET_ASSIGN_OR_RETURN(const Plaintext plaintext, ParsePlaintext(raw));
  TURRET_ASSIGN_OR_RETURN(const std::vector<PacketRow> rows, DecodePackets(plaintext.body.packets()));
  const TimeMapPiece map = TimeMapOf(plaintext.body);
  std::vector<v1::Interval> audio;
  for (size_t at = 0; at < rows.size(); ++at)
    audio.push_back(MakeInterval(map.ToUtc(rows[at].timestamp),
                                 map.ToUtc(rows[at].timestamp + TicksOf(plaintext.body, rows, at))));
  Wipe(raw);
  return audio;
}

// What is held of a stream from `from_ns` on, in order. The segments that came last tell it.
absl::StatusOr<std::vector<v1::Interval>> HeldSince(const Archive& archive, const StreamId& stream,
                                                    int64_t from_ns) {
  TURRET_ASSIGN_OR_RETURN(const std::vector<Index::Placed> placed, archive.index().Placements(stream));
  std::vector<v1::Interval> all;
  const size_t oldest = placed.size() - std::min(placed.size(), kHeldSegmentsMax);
  for (size_t at = placed.size(); at > oldest; --at) {
    TURRET_ASSIGN_OR_RETURN(const std::vector<v1::Interval> audio, AudioOf(archive, placed[at - 1]));
    for (const v1::Interval& packet : audio)
      if (packet.end_utc_ns() > from_ns)
        all.push_back(MakeInterval(std::max(from_ns, packet.begin_utc_ns()), packet.end_utc_ns()));
    if (!audio.empty() && audio.front().begin_utc_ns() <= from_ns) break;
  }
  std::sort(all.begin(), all.end(),
            [](const v1::Interval& a, const v1::Interval& b) { return a.begin_utc_ns() < b.begin_utc_ns(); });
  std::vector<v1::Interval> held;
  for (const v1::Interval& packet : all) {
    if (!held.empty() && packet.begin_utc_ns() <= held.back().end_utc_ns() + kJoinNs)
      held.back().set_end_utc_ns(std::max(held.back().end_utc_ns(), packet.end_utc_ns()));
    else
      held.push_back(packet);
  }
  return held;
}

void AddGap(v1::CallEnded& ended, Random& random, int64_t begin_ns, v1::Gap gap) {
  if (begin_ns >= ended.ended_utc_ns()) return;
  gap.set_gap_id(GapId::Make(random).ToProto());
  gap.set_cause(v1::GAP_CAUSE_NODE_DOWN);
  *gap.mutable_interval() = MakeInterval(begin_ns, ended.ended_utc_ns());
  *ended.add_gaps() = std::move(gap);
}

absl::Status AddStream(const Archive& archive, Random& random, const v1::CallRow& call, const std::string& id,
                       v1::CallEnded& ended) {
  TURRET_ASSIGN_OR_RETURN(const StreamId stream, StreamId::FromProto(id));
  TURRET_ASSIGN_OR_RETURN(const v1::StreamRow row, archive.index().Stream(stream));
  v1::CallEnded::StreamEnd& end = *ended.add_streams();
  end.set_stream_id(id);
  end.set_segments(row.segments());
  end.set_last_segment_hash(row.last_segment_hash());
  int64_t known_ns = ToldUntilNs(call, row, id);
  const absl::StatusOr<std::vector<v1::Interval>> held = HeldSince(archive, stream, known_ns);
  if (held.ok()) {
    for (const v1::Interval& interval : *held) *end.add_held() = interval;
    if (!held->empty()) known_ns = std::max(known_ns, held->back().end_utc_ns());
  } else {
    spdlog::error("alarm: what is held of stream {} cannot be read: {}", stream.ToHex(),
                  held.status().ToString());
  }
  v1::Gap gap;
  gap.set_stream_id(id);
  *gap.mutable_channels() = row.opened().channels();
  AddGap(ended, random, known_ns, std::move(gap));
  return absl::OkStatus();
}

// No stream is known: both sides of its lines, from its beginning.
void AddLines(Random& random, const v1::CallRow& call, v1::CallEnded& ended) {
  v1::Gap gap;
  for (const std::string& line : call.started().line_ids()) {
    for (const v1::Direction direction : {v1::DIRECTION_OWN, v1::DIRECTION_FAR}) {
      v1::ChannelOf& channel = *gap.add_channels();
      channel.set_line_id(line);
      channel.set_direction(direction);
    }
  }
  AddGap(ended, random, call.started().answered_utc_ns(), std::move(gap));
}

absl::Status Store(Archive& archive, std::vector<v1::ReplicateRequest> facts) {
  absl::Status stored;
  absl::Notification done;
  archive.Submit(
      NodeId{}, std::move(facts),
      [&](const absl::Status& status, const std::vector<ItemOutcome>& outcomes, const v1::TreeHead&) {
        stored = status;
        for (const ItemOutcome& outcome : outcomes)
          if (outcome.kind == ItemOutcome::kRefused) stored = absl::InternalError(outcome.message);
        done.Notify();
      });
  done.WaitForNotification();
  return stored;
}

}  // namespace

CallCloser::CallCloser(Archive& archive, const Attendance& attendance, CoordinatorMetrics& metrics,
                       absl::Duration after)
    : archive_(archive),
      attendance_(attendance),
      metrics_(metrics),
      after_(after),
      next_look_(archive.clock().Elapsed() + after) {}

absl::StatusOr<v1::ReplicateRequest> CallCloser::Close(const v1::CallRow& call) const {
  const int64_t now_ns = absl::ToUnixNanos(archive_.clock().Utc());
  v1::ReplicateRequest request;
  v1::Fact& fact = *request.mutable_fact();
  fact.set_fact_id(FactId::Make(archive_.random()).ToProto());
  fact.set_call_id(call.call_id());
  fact.set_utc_ns(now_ns);
  v1::CallEnded& ended = *fact.mutable_call_ended();
  ended.set_ended_utc_ns(std::max(now_ns, call.started().answered_utc_ns()));
  ended.set_reason(v1::CallEnded::NODE_AWAY);
  for (const std::string& id : call.stream_ids())
    TURRET_RETURN_IF_ERROR(AddStream(archive_, archive_.random(), call, id, ended));
  if (call.stream_ids().empty()) AddLines(archive_.random(), call, ended);
  return request;
}

absl::Status CallCloser::Look() {
  const absl::Duration now = archive_.clock().Elapsed();
  if (now < next_look_) return absl::OkStatus();
  next_look_ = now + kCloserInterval;
  TURRET_ASSIGN_OR_RETURN(const std::vector<v1::CallRow> running, archive_.index().RunningCalls());
  std::vector<v1::ReplicateRequest> facts;
  for (const v1::CallRow& call : running) {
    const absl::StatusOr<NodeId> node = NodeId::FromProto(call.started().node_id());
    const std::optional<absl::Duration> away = attendance_.AwaySince(node.ok() ? *node : NodeId{});
    if (!away.has_value() || now - *away < after_) continue;
    TURRET_ASSIGN_OR_RETURN(v1::ReplicateRequest fact, Close(call));
    facts.push_back(std::move(fact));
    if (facts.size() == kClosedAtOnceMax) break;
  }
  if (facts.empty()) return absl::OkStatus();
  const size_t calls = facts.size();
  if (calls == kClosedAtOnceMax) next_look_ = now;  // There may be more.
  TURRET_RETURN_IF_ERROR(Store(archive_, std::move(facts)));
  metrics_.CallsClosed(calls);
  spdlog::error("alarm: {} calls were closed, with a gap node_down: their nodes did not return for {}", calls,
                absl::FormatDuration(after_));
  return absl::OkStatus();
}

}  // namespace turret::coordinator
