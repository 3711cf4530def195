#include "node/spool/spool_alarm.h"

#include <utility>

#include "spdlog/spdlog.h"

namespace turret::node {
namespace {

/// What `seen` grew by, to become `now`.
uint64_t Growth(uint64_t& seen, uint64_t now) { return now - std::exchange(seen, now); }

}  // namespace

void SpoolAlarm::Observe(const SpoolStats& stats, absl::Duration now) {
  if (const uint64_t extents = Growth(extents_unopened_, stats.extents_unopened); extents != 0) {
    metrics_.SpoolExtentsUnopened(extents);
    spdlog::error(
        "spool: {} extents of an earlier process do not open with this node's key and were moved aside as "
        "*.unopened: "
        "keep them, what they hold is not in the archive; was the node key replaced?",
        extents);
  }
  if (const uint64_t bytes = Growth(bytes_unreadable_, stats.bytes_unreadable); bytes != 0) {
    metrics_.SpoolBytesUnreadable(bytes);
    spdlog::error("spool: {} committed bytes cannot be read back, what they held is lost: check the disk",
                  bytes);
  }
  ObserveCommits(stats, now);
}

void SpoolAlarm::ObserveCommits(const SpoolStats& stats, absl::Duration now) {
  const bool succeeded = Growth(commits_, stats.commits) != 0;
  const uint64_t failed = Growth(commits_failed_, stats.commits_failed);
  if (failed != 0) {
    metrics_.SpoolCommitsFailed(failed);
    if (!failing_ || now - told_ >= kSpoolAlarmRepeat) {
      told_ = now;
      spdlog::error(
          "spool: the disk failed {} commits or trims so far, {} bytes are in memory only and a crash would "
          "lose them: check the disk",
          stats.commits_failed, stats.bytes_uncommitted);
    }
    failing_ = true;
  } else if (failing_ && succeeded) {
    failing_ = false;
    spdlog::info("spool: commits succeed again");
  }
}

}  // namespace turret::node
