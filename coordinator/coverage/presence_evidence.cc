#include <algorithm>
#include <map>
#include <optional>

#include "coordinator/coverage/evidence.h"
#include "storage/base/status.h"

namespace turret::coordinator {
namespace {

constexpr int64_t kAliveLengths = 3;
constexpr int64_t kAliveNsMin = int64_t{60} * 1'000'000'000;  // Short records may still be on their way.
constexpr int64_t kAliveNsMax = int64_t{3600} * 1'000'000'000;
constexpr int64_t kOpenEnd = INT64_MAX;

bool Lists(const v1::LineRow& history, uint64_t version) {
  bool lists = false;
  for (const v1::EnrolmentChanged& change : history.versions()) {
    if (change.version() > version) break;
    lists = change.lines_size() > 0 && change.lines(0).retired_utc_ns() == 0;
  }
  return lists;
}

struct NodeTrail {
  const v1::Presence* last = nullptr;
  bool last_lists = false;
  int64_t longest_ns = 0;
};

}  // namespace

IntervalSet EnrolledTime(const v1::LineRow& history) {
  std::vector<v1::Interval> enrolled;
  for (int at = 0; at < history.versions_size(); ++at) {
    const v1::EnrolmentChanged& version = history.versions(at);
    if (version.lines_size() == 0) continue;
    const v1::Line& line = version.lines(0);
    const bool is_last = at + 1 == history.versions_size();
    const int64_t next_ns = is_last ? kOpenEnd : history.versions(at + 1).effective_utc_ns();
    const int64_t retired_ns = line.retired_utc_ns() == 0 ? kOpenEnd : line.retired_utc_ns();
    const int64_t begin_ns =
        line.enrolled_utc_ns() == 0 ? version.effective_utc_ns() : line.enrolled_utc_ns();
    enrolled.push_back(MakeInterval(begin_ns, std::min(next_ns, retired_ns)));
  }
  return IntervalSet::Of(enrolled);
}

PresenceEvidence ReadPresence(const std::vector<v1::PresenceRow>& rows, const LineId& line,
                              const v1::LineRow& history, int64_t now_utc_ns) {
  const std::string line_id = line.ToProto();
  std::vector<v1::Interval> listened, down;
  std::array<std::vector<v1::Interval>, kDirections.size()> busy;
  std::map<std::string, NodeTrail> nodes;
  for (const v1::PresenceRow& row : rows) {
    const v1::Presence& presence = row.presence();
    const v1::Interval& interval = presence.interval();
    const bool lists = Lists(history, presence.enrolment_version());
    if (lists) listened.push_back(interval);
    for (const v1::Presence::Busy& stated : presence.busy()) {
      if (stated.line_id() != line_id) continue;
      for (size_t at = 0; at < kDirections.size(); ++at)
        if (stated.direction() == kDirections[at])
          busy[at].insert(busy[at].end(), stated.intervals().begin(), stated.intervals().end());
    }
    NodeTrail& node = nodes[presence.node_id()];
    const bool restarted = node.last != nullptr && presence.first_of_run() &&
                           presence.run_id() != node.last->run_id() && (lists || node.last_lists);
    if (restarted) down.push_back(MakeInterval(node.last->interval().end_utc_ns(), interval.begin_utc_ns()));
    node.last = &presence;
    node.last_lists = lists;
    if (interval.begin_utc_ns() >= 0 && interval.end_utc_ns() > interval.begin_utc_ns())
      node.longest_ns = std::max(node.longest_ns, interval.end_utc_ns() - interval.begin_utc_ns());
  }

  PresenceEvidence evidence;
  const IntervalSet heard = IntervalSet::Of(listened);
  for (size_t at = 0; at < kDirections.size(); ++at)
    evidence.idle[at] = heard.Subtract(IntervalSet::Of(busy[at]));
  evidence.node_down = IntervalSet::Of(down).Subtract(heard);
  evidence.settled_utc_ns = now_utc_ns;
  for (const auto& [id, node] : nodes) {
    const int64_t end_ns = node.last->interval().end_utc_ns();
    const int64_t alive_ns =
        std::clamp(std::min(node.longest_ns, kAliveNsMax) * kAliveLengths, kAliveNsMin, kAliveNsMax);
    if (node.last_lists && end_ns >= now_utc_ns - alive_ns)
      evidence.settled_utc_ns = std::min(evidence.settled_utc_ns, end_ns);
  }
  return evidence;
}

absl::StatusOr<std::vector<v1::PresenceRow>> PresencesAround(const Index& index, absl::Time from,
                                                             absl::Time until) {
  static constexpr std::array kReach = {absl::Hours(1), absl::Hours(24), absl::Hours(24 * 8),
                                        absl::Hours(24 * 64)};
  const int64_t from_ns = absl::ToUnixNanos(from), until_ns = absl::ToUnixNanos(until);
  std::vector<v1::PresenceRow> rows;
  size_t before = 0, after = 0;
  while (true) {
    TURRET_ASSIGN_OR_RETURN(rows, index.Presences(from - kReach[before], until + kReach[after]));
    const bool begins = !rows.empty() && rows.front().presence().interval().begin_utc_ns() <= from_ns;
    const bool ends = !rows.empty() && rows.back().presence().interval().end_utc_ns() >= until_ns;
    const bool reach_back = !begins && before + 1 < kReach.size();
    const bool reach_on = !ends && after + 1 < kReach.size();
    if (!reach_back && !reach_on) return rows;
    before += reach_back ? 1 : 0;
    after += reach_on ? 1 : 0;
  }
}

}  // namespace turret::coordinator
