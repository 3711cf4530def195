#include "coordinator/coverage/coverage.h"

#include <algorithm>

#include "coordinator/coverage/evidence.h"
#include "coordinator/coverage/intervals.h"
#include "coordinator/search/search.h"
#include "fmt/format.h"
#include "storage/base/status.h"

namespace turret::coordinator {
namespace {

struct Day {
  absl::Time begin, end;
};

absl::StatusOr<Day> ParseDay(const std::string& text, absl::Time now) {
  absl::CivilDay day;
  if (text.size() != 10 || !absl::ParseCivilTime(text, &day))
    return absl::InvalidArgumentError("day: want yyyy-mm-dd, UTC");
  const Day parsed{absl::FromCivil(day, absl::UTCTimeZone()), absl::FromCivil(day + 1, absl::UTCTimeZone())};
  if (parsed.begin >= now) return absl::InvalidArgumentError("day: it has not begun yet");
  return parsed;
}

/// A running call holds the books of its line open until it reports, but not for longer than kSettleTimeMax:
/// a call whose node went away must not hide time.
int64_t SettledUntil(const Day& day, absl::Time now, const PresenceEvidence& presence,
                     const CallEvidence& calls) {
  const int64_t oldest_ns = absl::ToUnixNanos(now - kSettleTimeMax);
  const int64_t settled_ns = std::max(std::min(presence.settled_utc_ns, calls.settled_utc_ns), oldest_ns);
  return std::min(settled_ns, absl::ToUnixNanos(day.end));
}

std::vector<ChannelEvidence::StatedGap> Explained(const IntervalSet& node_down,
                                                  std::vector<ChannelEvidence::StatedGap> by_calls) {
  std::vector<ChannelEvidence::StatedGap> explained;
  for (const v1::Interval& interval : node_down.ToProto())
    explained.push_back({interval, v1::GAP_CAUSE_NODE_DOWN});
  explained.insert(explained.end(), by_calls.begin(), by_calls.end());
  return explained;
}

}  // namespace

absl::StatusOr<v1::CoverageReport> Coverage(const Index& index, const v1::CoverageRequest& request,
                                            absl::Time now) {
  TURRET_ASSIGN_OR_RETURN(const Day day, ParseDay(request.day(), now));
  TURRET_ASSIGN_OR_RETURN(const v1::Line named, FindLine(index, request.line()));
  TURRET_ASSIGN_OR_RETURN(const LineId line, LineId::FromProto(named.line_id()));
  TURRET_ASSIGN_OR_RETURN(const v1::LineRow history, index.LineHistory(line));
  TURRET_ASSIGN_OR_RETURN(const auto presences, PresencesAround(index, day.begin, std::min(day.end, now)));
  PresenceEvidence presence = ReadPresence(presences, line, history, absl::ToUnixNanos(now));
  TURRET_ASSIGN_OR_RETURN(CallEvidence calls, ReadCalls(index, line, history, day.begin, day.end));

  const int64_t begin_ns = absl::ToUnixNanos(day.begin);
  const int64_t settled_ns = SettledUntil(day, now, presence, calls);
  const IntervalSet books = IntervalSet::Of(std::vector{MakeInterval(begin_ns, settled_ns)});
  const IntervalSet enrolled = EnrolledTime(history).Intersect(books);

  v1::CoverageReport report;
  report.set_line(named.name());
  report.set_day(request.day());
  *report.mutable_enrolled() =
      enrolled.empty() ? MakeInterval(begin_ns, begin_ns)
                       : MakeInterval(enrolled.pieces().front().begin_ns, enrolled.pieces().back().end_ns);
  std::vector<std::string> errors;
  for (size_t at = 0; at < kDirections.size(); ++at) {
    const ChannelEvidence evidence{
        .held = std::move(calls.held[at]),
        .enrolled = enrolled.ToProto(),
        .streams = std::move(calls.streams[at]),
        .idle = presence.idle[at].ToProto(),
        .proven = calls.proven,
        .explained = Explained(presence.node_down, std::move(calls.explained[at])),
    };
    *report.add_channels() = ComputeChannel(kDirections[at], evidence, errors);
  }
  CombineChannels(report);
  report.mutable_errors()->Add(errors.begin(), errors.end());
  return report;
}

}  // namespace turret::coordinator
