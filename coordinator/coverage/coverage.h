// The books: recorded + idle + paused + gap = enrolled, per channel, line and day. Each kind is computed from
// its own evidence; overlaps are errors; what is left over is gap `unknown` (CAPTURE.md, "Books"; requirement
// C01).
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
  struct StatedGap {
    v1::Interval interval;
    v1::GapCause cause;
  };
  /// What was said of one stream that feeds the channel. Its kinds must not overlap: that is an error. Those
  /// of different streams may (a caller on hold, another one speaking): then the worst counts.
  struct Stream {
    std::string id;                      // Hex, for error texts.
    std::vector<v1::Interval> recorded;  // StreamProgress.recorded
    std::vector<v1::Interval> silence;   // StreamProgress.silence, within recorded
    std::vector<v1::Interval> edges;     // StreamProgress.edges
    std::vector<v1::Interval> paused;    // Paused
    std::vector<StatedGap> gaps;         // Gap
  };
  std::vector<v1::Interval> held;      // Audio of which no stream above tells (CallEnded, NODE_AWAY).
  std::vector<v1::Interval> enrolled;  // Within the day, up to the last settled instant.
  std::vector<Stream> streams;
  std::vector<v1::Interval> idle;    // Presence minus `busy`.
  std::vector<v1::Interval> proven;  // Within the line's proof age of a call's start: idle counts here.
  std::vector<StatedGap> explained;  // Causes for time that nothing above accounts for; the first counts.
};

/// Pure. At each instant the worst that is evidenced counts: gap, paused, recorded, idle. Idle outside
/// `proven` (but for edges, which a call evidences itself) becomes gap `unproven`; left over time takes the
/// cause that explains it, is `unproven` where nothing ever proved the line, else `unknown`. Intervals come
/// out in order, and their lengths add up to the enrolled time to the nanosecond. Appends to `errors` each
/// overlap of evidence that excludes each other.
v1::ChannelCoverage ComputeChannel(v1::Direction direction, const ChannelEvidence& evidence,
                                   std::vector<std::string>& errors);
/// The line: at each instant the worst of its channels — gap, paused, recorded, idle. Fills `totals` and
/// `intervals`.
void CombineChannels(v1::CoverageReport& report);

/// A running day's books end at the last settled instant (evidence.h). Time that was not reported by then is
/// a gap.
inline constexpr absl::Duration kSettleTimeMax = absl::Minutes(15);

/// The day's books of a line. Errors: NotFound (line), InvalidArgument (day; one that has not begun).
absl::StatusOr<v1::CoverageReport> Coverage(const Index& index, const v1::CoverageRequest& request,
                                            absl::Time now);

}  // namespace turret::coordinator
