// Every metric that the programs export, with its name: one place. Prometheus conventions: base units,
// `_total` on counters. Labels hold line ids and reasons, never a person's name or number.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "turret/v1/capture.pb.h"

namespace turret {

/// turret-node's metrics. Thread-safe; cheap enough for once a batch, not for once a packet.
class NodeMetrics {
 public:
  NodeMetrics();
  ~NodeMetrics();

  void RtpReceived(uint64_t packets);                          // turret_rtp_packets_received_total
  void RtpRecorded(uint64_t packets);                          // turret_rtp_packets_recorded_total
  void RtpLost(uint64_t packets);                              // turret_rtp_packets_lost_total
  void RtpLate(uint64_t packets);                              // turret_rtp_packets_late_total
  void RtpDuplicate(uint64_t packets);                         // turret_rtp_packets_duplicate_total
  void RtpDropped(std::string_view reason, uint64_t packets);  // turret_rtp_packets_dropped_total{reason}
  void GapSettled(std::string_view line, v1::GapCause cause, absl::Duration length);
  // turret_capture_gap_seconds_total{line,cause}
  void GapsOpen(int64_t count);                                // turret_capture_gaps_open
  void Recorded(absl::Duration audio);                         // turret_capture_recorded_seconds_total
  void SessionsActive(int64_t count);                          // turret_sip_sessions
  void SipRefused(std::string_view reason);                    // turret_sip_refused_total{reason}
  void CallFlagged(v1::CallFlag flag);                         // turret_calls_flagged_total{flag}
  void SpoolBytes(uint64_t used, uint64_t limit);              // turret_spool_bytes, turret_spool_limit_bytes
  void SpoolCommit(absl::Duration took);                       // turret_spool_commit_seconds (histogram)
  void SpoolCommitsFailed(uint64_t commits);                   // turret_spool_commits_failed_total
  void JournalCommitsFailed(uint64_t commits);                 // turret_session_journal_commits_failed_total
  void SpoolBytesUnreadable(uint64_t bytes);                   // turret_spool_unreadable_bytes_total
  void SpoolExtentsUnopened(uint64_t extents);                 // turret_spool_extents_unopened_total
  void ReplicationLag(absl::Duration oldest, uint64_t bytes);  // turret_replication_lag_seconds, …_lag_bytes
  void ReplicationRefused(std::string_view reason);            // turret_replication_refused_total{reason}
  void ReplicationConnected(bool connected);                   // turret_replication_connected
  void ClockDivergence(absl::Duration divergence);             // turret_clock_divergence_seconds
  void BrokenInvariant(std::string_view condition);            // turret_broken_invariants_total{condition}

  /// Serves /metrics on "host:port", and nothing else; port 0: the kernel chooses. Once.
  /// Errors: InvalidArgument (no such address), Unavailable when the port cannot be bound.
  [[nodiscard]] absl::Status Serve(const std::string& address);
  uint16_t port() const;  // Bound by Serve; 0 before.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// turret-coordinator's metrics. Thread-safe.
class CoordinatorMetrics {
 public:
  CoordinatorMetrics();
  ~CoordinatorMetrics();

  void SegmentsStored(uint64_t segments, uint64_t bytes);  // turret_archive_segments_total, …_bytes_total
  void FactsStored(uint64_t facts);                        // turret_archive_facts_total
  void ItemsRepeated(uint64_t items);                      // turret_ingest_repeated_total
  void ItemRefused(std::string_view reason);               // turret_ingest_refused_total{reason}
  void Commit(absl::Duration took);                        // turret_ingest_commit_seconds (histogram)
  void LedgerSize(uint64_t entries);                       // turret_ledger_entries
  void GapBooked(std::string_view line, v1::GapCause cause, absl::Duration length);
  // turret_capture_gap_seconds_total{line,cause}
  void Recorded(absl::Duration audio);  // turret_capture_recorded_seconds_total
  void OrphanCalls(uint64_t calls);     // turret_orphan_calls_total
  void NodesConnected(int64_t count);   // turret_nodes_connected
  void NodeClockDivergence(std::string_view node, absl::Duration divergence);
  // turret_clock_divergence_seconds{node}
  void ClockDivergence(absl::Duration divergence);  // turret_clock_divergence_seconds{node="coordinator"}
  void Accessed(std::string_view action);           // turret_access_total{action}
  void AccessRefused(std::string_view why);         // turret_access_refused_total{why}
  void WormClaim(bool immutable);                   // turret_archive_immutable
  void VolumesDamaged(uint64_t count);              // turret_archive_volumes_damaged
  void ArchiveOpen(bool open);                      // turret_archive_open
  void DiskError(std::string_view operation);       // turret_disk_errors_total{operation}
  void CallsClosed(uint64_t calls);                 // turret_calls_closed_total

  /// As NodeMetrics::Serve.
  [[nodiscard]] absl::Status Serve(const std::string& address);
  uint16_t port() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// "packet_loss" of GAP_CAUSE_PACKET_LOSS, and so on: labels and tables use these.
std::string GapCauseName(v1::GapCause cause);
std::string CallFlagName(v1::CallFlag flag);

}  // namespace turret
