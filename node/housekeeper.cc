#include "node/housekeeper.h"

#include <algorithm>

#include "spdlog/spdlog.h"

namespace turret::node {
namespace {

constexpr absl::Duration kInterval = absl::Seconds(1);
constexpr absl::Duration kClockCheck = absl::Seconds(10);

}  // namespace

Housekeeper::Housekeeper(const NodeConfig& config, Clock& clock, Spool& spool, const SessionJournal& journal,
                         const Pipeline& pipeline, const Replicator& replicator, Presence& presence,
                         NodeMetrics& metrics)
    : clock_(clock),
      spool_(spool),
      journal_(journal),
      pipeline_(pipeline),
      replicator_(replicator),
      presence_(presence),
      metrics_(metrics),
      spool_alarm_(metrics),
      presence_interval_(config.presence_interval),
      next_presence_(clock.Elapsed() + config.presence_interval) {}

NodeCounts Housekeeper::Counts(uint32_t sessions) const {
  return {pipeline_.Counts(), sessions, ReadClockState()};
}

void Housekeeper::Append(const std::vector<v1::Fact>& facts) {
  for (const v1::Fact& fact : facts)
    if (const auto appended = spool_.AppendFact(fact); !appended.ok())
      spdlog::error("a presence record is lost, its time will be a gap: {}", appended.status().ToString());
}

absl::Duration Housekeeper::Wait() const {
  return std::clamp(next_presence_ - clock_.Elapsed(), absl::ZeroDuration(), kInterval);
}

void Housekeeper::Tick(uint32_t sessions) {
  const absl::Duration now = clock_.Elapsed();
  if (now >= next_presence_) {
    next_presence_ += presence_interval_;
    if (next_presence_ <= now) next_presence_ = now + presence_interval_;
    Append(presence_.Close(Counts(sessions)));
  }
  metrics_.SessionsActive(sessions);
  if (now - last_housekeeping_ < kInterval) return;
  last_housekeeping_ = now;
  Trim();
  ObserveSpool(now);
  ObserveJournal(now);
  if (now - last_clock_check_ < kClockCheck) return;
  last_clock_check_ = now;
  metrics_.ClockDivergence(ReadClockState().divergence_max);
}

// The pipeline first: an item is pushed before the pipeline lets go of its position.
void Housekeeper::Trim() {
  const uint64_t in_pipeline = pipeline_.OldestNeeded();
  const uint64_t keep = std::min(in_pipeline, replicator_.OldestNeeded());
  if (const absl::Status trimmed = spool_.Trim(keep); !trimmed.ok())
    spdlog::error("spool: {}", trimmed.ToString());
}

void Housekeeper::ObserveSpool(absl::Duration now) {
  const SpoolStats stats = spool_.Stats();
  spool_alarm_.Observe(stats, now);
  metrics_.SpoolBytes(stats.bytes_used, stats.bytes_max);
  if (stats.commits != commits_seen_)
    metrics_.SpoolCommit(stats.last_commit);  // A sample of them: one a second.
  commits_seen_ = stats.commits;
}

void Housekeeper::ObserveJournal(absl::Duration now) {
  const uint64_t failures = journal_.commits_failed();
  if (failures == journal_failures_) return;
  metrics_.JournalCommitsFailed(failures - journal_failures_);
  journal_failures_ = failures;
  if (now - journal_failures_told_ < kSpoolAlarmRepeat) return;
  journal_failures_told_ = now;
  spdlog::error("session journal: the disk failed {} commits so far: check the disk", failures);
}

}  // namespace turret::node
