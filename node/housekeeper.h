// What a node does by the clock: presence records, trimming, gauges. All from one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/time/time.h"
#include "monitoring/metrics.h"
#include "node/config.h"
#include "node/encode/pipeline.h"
#include "node/presence/presence.h"
#include "node/replicate/replicator.h"
#include "node/session/session_journal.h"
#include "node/spool/spool.h"
#include "node/spool/spool_alarm.h"
#include "storage/base/clock.h"

namespace turret::node {

/// Not thread-safe. What it is given must outlive it.
class Housekeeper {
 public:
  Housekeeper(const NodeConfig& config, Clock& clock ABSL_ATTRIBUTE_LIFETIME_BOUND,
              Spool& spool ABSL_ATTRIBUTE_LIFETIME_BOUND,
              const SessionJournal& journal ABSL_ATTRIBUTE_LIFETIME_BOUND,
              const Pipeline& pipeline ABSL_ATTRIBUTE_LIFETIME_BOUND,
              const Replicator& replicator ABSL_ATTRIBUTE_LIFETIME_BOUND,
              Presence& presence ABSL_ATTRIBUTE_LIFETIME_BOUND,
              NodeMetrics& metrics ABSL_ATTRIBUTE_LIFETIME_BOUND);

  NodeCounts Counts(uint32_t sessions) const;
  /// Into the spool; one that does not get there is logged, its time will be a gap.
  void Append(const std::vector<v1::Fact>& facts);
  /// Until the next Tick is due.
  absl::Duration Wait() const;
  /// What is due by now, with this number of calls.
  void Tick(uint32_t sessions);
  /// Frees in the spool what neither the pipeline nor the coordinator will ask for again.
  void Trim();

 private:
  void ObserveSpool(absl::Duration now);
  void ObserveJournal(absl::Duration now);

  Clock& clock_;
  Spool& spool_;
  const SessionJournal& journal_;
  const Pipeline& pipeline_;
  const Replicator& replicator_;
  Presence& presence_;
  NodeMetrics& metrics_;
  SpoolAlarm spool_alarm_;
  const absl::Duration presence_interval_;
  absl::Duration next_presence_;
  uint64_t commits_seen_ = 0;
  uint64_t journal_failures_ = 0;
  absl::Duration journal_failures_told_ = -absl::InfiniteDuration();
  absl::Duration last_housekeeping_ = -absl::InfiniteDuration();
  absl::Duration last_clock_check_ = -absl::InfiniteDuration();
};

}  // namespace turret::node
