// The books: recorded + idle + paused + gap = enrolled, per channel, line and day. Each kind is computed from its own
// evidence; overlaps are errors; what is left over is gap `unknown` (CAPTURE.md, "Books"; requirement C01).
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/index/index.h"
#include "turret/v1/access.pb.h"

namespace turret::coordinator {

/// What one channel's day is computed from: the ledger's own statements, nothing inferred.
struct ChannelEvidence {
  v1::Interval enrolled;                    // Within the day, up to the last settled instant.
  std::vector<v1::Interval> recorded;       // StreamProgress.recorded
  std::vector<v1::Interval> silence;        // StreamProgress.silence, within recorded
  std::vector<v1::Interval> edges;          // StreamProgress.edges
  std::vector<v1::Interval> paused;         // Paused
  struct StatedGap {
    v1::Interval interval;
    v1::GapCause cause;
  };
  std::vector<StatedGap> gaps;              // Gap
  std::vector<v1::Interval> idle;           // Presence minus its own `busy`
  std::vector<v1::Interval> node_down;      // Between two runs of a node, when no other node listened.
  std::vector<v1::Interval> proven;         // Times within the line's proof age of a call's start: idle counts here.
};

/// Pure. Idle outside `proven` becomes gap `unproven`; left over time becomes `node_down` where that is evidenced,
/// `unproven` where nothing ever proved the line, else `unknown`. Intervals come out in order without a hole, and
/// their lengths add up to the enrolled time to the nanosecond.
v1::ChannelCoverage ComputeChannel(v1::Direction direction, const ChannelEvidence& evidence,
                                   std::vector<std::string>& errors);
/// The line: at each instant the worst of its channels — gap, paused, recorded, idle.
void CombineChannels(v1::CoverageReport& report);

/// The day's books of a line. Errors: NotFound (line), InvalidArgument (day).
absl::StatusOr<v1::CoverageReport> Coverage(const Index& index, const v1::CoverageRequest& request, absl::Time now);

}  // namespace turret::coordinator
