#include <algorithm>
#include <map>

#include "coordinator/coverage/evidence.h"
#include "storage/base/status.h"

namespace turret::coordinator {
namespace {

constexpr int64_t kProofAgeDefaultNs = int64_t{24} * 3600 * 1'000'000'000;  // One trading day.

template <class Channels>
bool Feeds(const Channels& channels, const std::string& line, v1::Direction direction) {
  return std::any_of(channels.begin(), channels.end(), [&](const v1::ChannelOf& channel) {
    return channel.line_id() == line && channel.direction() == direction;
  });
}

template <class Intervals>
void Add(const Intervals& from, std::vector<v1::Interval>& to) {
  to.insert(to.end(), from.begin(), from.end());
}

/// One call's statements about one channel.
class ChannelOfCall {
 public:
  ChannelOfCall(const v1::CallRow& call, const std::map<std::string, v1::StreamRow>& rows,
                const std::string& line, v1::Direction direction) {
    for (const auto& [id, row] : rows) {
      if (!Feeds(row.opened().channels(), line, direction)) continue;
      fed_ = true;
      ChannelEvidence::Stream& stream = At(id);
      for (const v1::StreamProgress& progress : row.progress()) {
        Add(progress.recorded(), stream.recorded);
        Add(progress.silence(), stream.silence);
        Add(progress.edges(), stream.edges);
      }
    }
    const auto concerns = [&](const auto& stated) {
      if (!stated.channels().empty()) return Feeds(stated.channels(), line, direction);
      const auto row = rows.find(stated.stream_id());
      return row != rows.end() && Feeds(row->second.opened().channels(), line, direction);
    };
    for (const v1::Gap& gap : call.gaps())
      if (concerns(gap)) At(gap.stream_id()).gaps.push_back({gap.interval(), gap.cause()});
    for (const v1::Paused& paused : call.paused())
      if (concerns(paused)) At(paused.stream_id()).paused.push_back(paused.interval());
  }

  bool fed() const { return fed_; }  // A stream was opened for it.
  /// End of the last time that anything was said about.
  int64_t ReportedUntilNs(int64_t begin_ns) const {
    int64_t end_ns = begin_ns;
    for (const auto& [id, stream] : streams_) {
      for (const auto* list : {&stream.recorded, &stream.edges, &stream.paused})
        for (const v1::Interval& interval : *list) end_ns = std::max(end_ns, interval.end_utc_ns());
      for (const auto& gap : stream.gaps) end_ns = std::max(end_ns, gap.interval.end_utc_ns());
    }
    return end_ns;
  }
  void MoveTo(std::vector<ChannelEvidence::Stream>& streams) {
    for (auto& [id, stream] : streams_) streams.push_back(std::move(stream));
  }

 private:
  ChannelEvidence::Stream& At(const std::string& id) {
    ChannelEvidence::Stream& stream = streams_[id];
    stream.id = ToHex(AsBytes(id));
    return stream;
  }
  std::map<std::string, ChannelEvidence::Stream> streams_;
  bool fed_ = false;
};

absl::StatusOr<std::map<std::string, v1::StreamRow>> StreamsOf(const Index& index, const v1::CallRow& call) {
  std::map<std::string, v1::StreamRow> rows;
  for (const std::string& id : call.stream_ids()) {
    TURRET_ASSIGN_OR_RETURN(const StreamId stream, StreamId::FromProto(id));
    TURRET_ASSIGN_OR_RETURN(rows[id], index.Stream(stream));
  }
  return rows;
}

// A call that the coordinator closed: what is held and what is missing fill up what its node has told.
void AddClosing(const v1::CallEnded& ended, const std::map<std::string, v1::StreamRow>& rows,
                const std::string& line, size_t at, CallEvidence& evidence) {
  for (const v1::CallEnded::StreamEnd& end : ended.streams()) {
    const auto row = rows.find(end.stream_id());
    if (row != rows.end() && Feeds(row->second.opened().channels(), line, kDirections[at]))
      Add(end.held(), evidence.held[at]);
  }
  for (const v1::Gap& gap : ended.gaps())
    if (Feeds(gap.channels(), line, kDirections[at]))
      evidence.explained[at].push_back({gap.interval(), gap.cause()});
}

v1::Interval ProofOf(const v1::CallRow& call, const v1::LineRow& history) {
  const int64_t start_ns = call.started().answered_utc_ns();
  const v1::Line* const line = LineAsOf(history, start_ns);
  const int64_t age_ns =
      line == nullptr || line->proof_age_ns() <= 0 ? kProofAgeDefaultNs : line->proof_age_ns();
  return MakeInterval(start_ns, start_ns > INT64_MAX - age_ns ? INT64_MAX : start_ns + age_ns);
}

}  // namespace

absl::StatusOr<CallEvidence> ReadCalls(const Index& index, const LineId& line, const v1::LineRow& history,
                                       absl::Time from, absl::Time until) {
  CallEvidence evidence;
  TURRET_ASSIGN_OR_RETURN(const std::optional<v1::CallRow> before, index.LastCallBefore(line, from));
  if (before.has_value()) evidence.proven.push_back(ProofOf(*before, history));
  TURRET_ASSIGN_OR_RETURN(const std::vector<v1::CallRow> calls, index.CallsOfLine(line, from, until));
  for (const v1::CallRow& call : calls) {
    evidence.proven.push_back(ProofOf(call, history));
    TURRET_ASSIGN_OR_RETURN(const auto rows, StreamsOf(index, call));
    const int64_t begin_ns = call.started().answered_utc_ns();
    std::vector<ChannelOfCall> channels;
    for (const v1::Direction direction : kDirections)
      channels.emplace_back(call, rows, line.ToProto(), direction);
    const bool any_fed =
        std::any_of(channels.begin(), channels.end(), [](const auto& it) { return it.fed(); });
    const v1::Interval session =
        MakeInterval(begin_ns, call.has_ended() ? call.ended().ended_utc_ns() : INT64_MAX);
    for (size_t at = 0; at < channels.size(); ++at) {
      if (!call.has_ended() && (channels[at].fed() || !any_fed))
        evidence.settled_utc_ns = std::min(evidence.settled_utc_ns, channels[at].ReportedUntilNs(begin_ns));
      AddClosing(call.ended(), rows, line.ToProto(), at, evidence);
      if (!channels[at].fed() && any_fed) evidence.explained[at].push_back({session, v1::GAP_CAUSE_ONE_WAY});
      if (rows.empty()) evidence.explained[at].push_back({session, v1::GAP_CAUSE_NO_MEDIA});
      channels[at].MoveTo(evidence.streams[at]);
    }
  }
  return evidence;
}

}  // namespace turret::coordinator
