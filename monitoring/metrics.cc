#include "monitoring/metrics.h"

#include <algorithm>
#include <cctype>

#include "monitoring/exporter.h"

namespace turret {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

std::string WithoutPrefix(std::string name, std::string_view prefix) {
  if (name.starts_with(prefix)) name.erase(0, prefix.size());
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return name;
}

void AddTo(Family<Counter>& family, const char* label, std::string_view value, double by = 1) {
  family.Add({{label, std::string(value)}}).Increment(by);
}

}  // namespace

std::string GapCauseName(v1::GapCause cause) {
  if (cause == v1::GAP_CAUSE_UNSPECIFIED || !v1::GapCause_IsValid(cause)) return "unknown";
  return WithoutPrefix(v1::GapCause_Name(cause), "GAP_CAUSE_");
}

std::string CallFlagName(v1::CallFlag flag) {
  if (!v1::CallFlag_IsValid(flag)) return "unspecified";
  return WithoutPrefix(v1::CallFlag_Name(flag), "CALL_FLAG_");
}

struct NodeMetrics::State {
  Exporter exporter;
  Counter& received =
      exporter.Counter("turret_rtp_packets_received_total", "Datagrams that reached a session's port.");
  Counter& recorded =
      exporter.Counter("turret_rtp_packets_recorded_total", "Datagrams whose payload was recorded.");
  Counter& lost = exporter.Counter("turret_rtp_packets_lost_total", "Sequence numbers that never came.");
  Counter& late =
      exporter.Counter("turret_rtp_packets_late_total", "Datagrams that came after their place was closed.");
  Counter& duplicate = exporter.Counter("turret_rtp_packets_duplicate_total", "Datagrams that came before.");
  Family<Counter>& dropped =
      exporter.Counters("turret_rtp_packets_dropped_total", "Datagrams dropped, by reason.");
  Family<Counter>& gap_seconds =
      exporter.Counters("turret_capture_gap_seconds_total",
                        "Settled time that should have been recorded and was not, by line id and cause.");
  Gauge& gaps_open = exporter.Gauge("turret_capture_gaps_open", "Gaps that still last or are not settled.");
  Counter& recorded_seconds =
      exporter.Counter("turret_capture_recorded_seconds_total", "Audio that was recorded, of all streams.");
  Gauge& sessions = exporter.Gauge("turret_sip_sessions", "SIPREC sessions that run.");
  Family<Counter>& sip_refused =
      exporter.Counters("turret_sip_refused_total", "SIP requests refused, by reason.");
  Family<Counter>& flagged =
      exporter.Counters("turret_calls_flagged_total", "Odd calls that were recorded all the same, by flag.");
  Gauge& spool_bytes = exporter.Gauge("turret_spool_bytes", "Spool in use on the local disk.");
  Gauge& spool_limit = exporter.Gauge("turret_spool_limit_bytes", "Spool that may be used.");
  Histogram& spool_commit =
      exporter.SecondsHistogram("turret_spool_commit_seconds", "Time of a group commit of the spool.");
  Counter& commits_failed = exporter.Counter("turret_spool_commits_failed_total",
                                             "Group commits of the spool that the disk refused.");
  Counter& journal_failed = exporter.Counter("turret_session_journal_commits_failed_total",
                                             "Commits of the session journal that the disk refused.");
  Counter& bytes_unreadable = exporter.Counter("turret_spool_unreadable_bytes_total",
                                               "Committed bytes of the spool that cannot be read back.");
  Counter& extents_unopened = exporter.Counter("turret_spool_extents_unopened_total",
                                               "Extents moved aside since the node key does not open them.");
  Gauge& lag_seconds =
      exporter.Gauge("turret_replication_lag_seconds", "Age of the oldest item that is not acknowledged.");
  Gauge& lag_bytes = exporter.Gauge("turret_replication_lag_bytes", "Bytes that are not acknowledged.");
  Family<Counter>& refused = exporter.Counters("turret_replication_refused_total",
                                               "Items the coordinator will never take, by reason.");
  Gauge& connected = exporter.Gauge("turret_replication_connected", "1 while connected to the coordinator.");
  Gauge& divergence = exporter.Gauge("turret_clock_divergence_seconds",
                                     "Estimated distance of this machine's clock from UTC.");
  Family<Counter>& broken = exporter.Counters("turret_broken_invariants_total",
                                              "Streams closed by a broken invariant, by condition.");
};

NodeMetrics::NodeMetrics() : state_(std::make_unique<State>()) {}
NodeMetrics::~NodeMetrics() = default;

void NodeMetrics::RtpReceived(uint64_t packets) { state_->received.Increment(static_cast<double>(packets)); }
void NodeMetrics::RtpRecorded(uint64_t packets) { state_->recorded.Increment(static_cast<double>(packets)); }
void NodeMetrics::RtpLost(uint64_t packets) { state_->lost.Increment(static_cast<double>(packets)); }
void NodeMetrics::RtpLate(uint64_t packets) { state_->late.Increment(static_cast<double>(packets)); }
void NodeMetrics::RtpDuplicate(uint64_t packets) {
  state_->duplicate.Increment(static_cast<double>(packets));
}
void NodeMetrics::RtpDropped(std::string_view reason, uint64_t packets) {
  AddTo(state_->dropped, "reason", reason, static_cast<double>(packets));
}
void NodeMetrics::GapSettled(std::string_view line, v1::GapCause cause, absl::Duration length) {
  state_->gap_seconds.Add({{"line", std::string(line)}, {"cause", GapCauseName(cause)}})
      .Increment(absl::ToDoubleSeconds(length));
}
void NodeMetrics::GapsOpen(int64_t count) { state_->gaps_open.Set(static_cast<double>(count)); }
void NodeMetrics::Recorded(absl::Duration audio) {
  state_->recorded_seconds.Increment(absl::ToDoubleSeconds(audio));
}
void NodeMetrics::SessionsActive(int64_t count) { state_->sessions.Set(static_cast<double>(count)); }
void NodeMetrics::SipRefused(std::string_view reason) { AddTo(state_->sip_refused, "reason", reason); }
void NodeMetrics::CallFlagged(v1::CallFlag flag) { AddTo(state_->flagged, "flag", CallFlagName(flag)); }
void NodeMetrics::SpoolBytes(uint64_t used, uint64_t limit) {
  state_->spool_bytes.Set(static_cast<double>(used));
  state_->spool_limit.Set(static_cast<double>(limit));
}
void NodeMetrics::SpoolCommit(absl::Duration took) {
  state_->spool_commit.Observe(absl::ToDoubleSeconds(took));
}
void NodeMetrics::SpoolCommitsFailed(uint64_t commits) {
  state_->commits_failed.Increment(static_cast<double>(commits));
}
void NodeMetrics::JournalCommitsFailed(uint64_t commits) {
  state_->journal_failed.Increment(static_cast<double>(commits));
}
void NodeMetrics::SpoolBytesUnreadable(uint64_t bytes) {
  state_->bytes_unreadable.Increment(static_cast<double>(bytes));
}
void NodeMetrics::SpoolExtentsUnopened(uint64_t extents) {
  state_->extents_unopened.Increment(static_cast<double>(extents));
}
void NodeMetrics::ReplicationLag(absl::Duration oldest, uint64_t bytes) {
  state_->lag_seconds.Set(absl::ToDoubleSeconds(oldest));
  state_->lag_bytes.Set(static_cast<double>(bytes));
}
void NodeMetrics::ReplicationRefused(std::string_view reason) { AddTo(state_->refused, "reason", reason); }
void NodeMetrics::ReplicationConnected(bool connected) { state_->connected.Set(connected ? 1 : 0); }
void NodeMetrics::ClockDivergence(absl::Duration divergence) {
  state_->divergence.Set(absl::ToDoubleSeconds(divergence));
}
void NodeMetrics::BrokenInvariant(std::string_view condition) {
  AddTo(state_->broken, "condition", condition);
}
absl::Status NodeMetrics::Serve(const std::string& address) { return state_->exporter.Serve(address); }
uint16_t NodeMetrics::port() const { return state_->exporter.port(); }

}  // namespace turret
