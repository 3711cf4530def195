// Gathers from the index what the books are computed from: one file for each source of evidence.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/coverage/coverage.h"
#include "coordinator/coverage/intervals.h"

namespace turret::coordinator {

inline constexpr std::array kDirections = {v1::DIRECTION_OWN, v1::DIRECTION_FAR};

/// When the line was enrolled, by the versions of the enrolment that changed it.
IntervalSet EnrolledTime(const v1::LineRow& history);

/// What the nodes' presence records say of one line.
struct PresenceEvidence {
  std::array<IntervalSet, kDirections.size()>
      idle;               // A node that knew the line listened, and no node was busy on it.
  IntervalSet node_down;  // Between two runs of a node, when no other node listened.
  /// Up to here nodes have said all they will say: the earliest last record of the nodes that are alive (it
  /// ended at most three record lengths ago; a minute at least, an hour at most); `now` when none is.
  int64_t settled_utc_ns = 0;
};
PresenceEvidence ReadPresence(const std::vector<v1::PresenceRow>& rows, const LineId& line,
                              const v1::LineRow& history, int64_t now_utc_ns);
/// The records of [from, until), and further ones on both sides, so that an outage over its edges is seen
/// whole.
absl::StatusOr<std::vector<v1::PresenceRow>> PresencesAround(const Index& index, absl::Time from,
                                                             absl::Time until);

/// What calls say of one line.
struct CallEvidence {
  std::array<std::vector<ChannelEvidence::Stream>, kDirections.size()> streams;
  /// Of a call that was closed because its node did not return: audio that is held and not told of yet.
  std::array<std::vector<v1::Interval>, kDirections.size()> held;
  /// `node_down` of such a call; `one_way`: a call that opened a stream for the other direction only;
  /// `no_media`: one that opened none at all.
  std::array<std::vector<ChannelEvidence::StatedGap>, kDirections.size()> explained;
  std::vector<v1::Interval> proven;
  /// A running call reports its time late: begin of the oldest that is not reported yet; INT64_MAX: none
  /// runs.
  int64_t settled_utc_ns = INT64_MAX;
};
absl::StatusOr<CallEvidence> ReadCalls(const Index& index, const LineId& line, const v1::LineRow& history,
                                       absl::Time from, absl::Time until);

}  // namespace turret::coordinator
