#include "monitoring/exporter.h"
#include "monitoring/metrics.h"

namespace turret {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

void AddTo(Family<Counter>& family, const char* label, std::string_view value) {
  family.Add({{label, std::string(value)}}).Increment();
}

}  // namespace

struct CoordinatorMetrics::State {
  Exporter exporter;
  Counter& segments = exporter.Counter("turret_archive_segments_total", "Segments stored.");
  Counter& bytes = exporter.Counter("turret_archive_bytes_total", "Sealed bytes of segments stored.");
  Counter& facts = exporter.Counter("turret_archive_facts_total", "Facts of nodes stored.");
  Counter& repeated =
      exporter.Counter("turret_ingest_repeated_total", "Items that were stored before and came again.");
  Family<Counter>& refused =
      exporter.Counters("turret_ingest_refused_total", "Items refused for good, by reason.");
  Histogram& commit =
      exporter.SecondsHistogram("turret_ingest_commit_seconds", "Time of a group commit of the archive.");
  Gauge& entries = exporter.Gauge("turret_ledger_entries", "Entries under the last signed tree head.");
  Family<Counter>& gap_seconds =
      exporter.Counters("turret_capture_gap_seconds_total",
                        "Settled time that should have been recorded and was not, by line id and cause.");
  Counter& recorded_seconds =
      exporter.Counter("turret_capture_recorded_seconds_total", "Audio that was recorded, of all streams.");
  Counter& orphans =
      exporter.Counter("turret_orphan_calls_total", "Calls of no known line, kept under the longest rule.");
  Gauge& nodes = exporter.Gauge("turret_nodes_connected", "Nodes that replicate to this coordinator now.");
  Family<Gauge>& divergence = exporter.Gauges(
      "turret_clock_divergence_seconds", "Estimated distance of a machine's clock from UTC, by node id.");
  Family<Counter>& accessed =
      exporter.Counters("turret_access_total", "Searches, replays and exports, by action.");
  Family<Counter>& access_refused =
      exporter.Counters("turret_access_refused_total", "Requests refused, by why.");
  Gauge& immutable = exporter.Gauge("turret_archive_immutable", "1 when closed volumes are immutable files.");
  Gauge& damaged = exporter.Gauge("turret_archive_volumes_damaged",
                                  "Volumes that did not hold what the ledger says when last opened.");
  Gauge& open = exporter.Gauge("turret_archive_open", "1 while the archive takes what nodes send.");
  Family<Counter>& disk_errors = exporter.Counters(
      "turret_disk_errors_total", "Operations that the archive's disk failed, by operation.");
  Counter& closed =
      exporter.Counter("turret_calls_closed_total", "Calls closed because their node did not return.");
};

CoordinatorMetrics::CoordinatorMetrics() : state_(std::make_unique<State>()) {}
CoordinatorMetrics::~CoordinatorMetrics() = default;

void CoordinatorMetrics::SegmentsStored(uint64_t segments, uint64_t bytes) {
  state_->segments.Increment(static_cast<double>(segments));
  state_->bytes.Increment(static_cast<double>(bytes));
}
void CoordinatorMetrics::FactsStored(uint64_t facts) { state_->facts.Increment(static_cast<double>(facts)); }
void CoordinatorMetrics::ItemsRepeated(uint64_t items) {
  state_->repeated.Increment(static_cast<double>(items));
}
void CoordinatorMetrics::ItemRefused(std::string_view reason) { AddTo(state_->refused, "reason", reason); }
void CoordinatorMetrics::Commit(absl::Duration took) { state_->commit.Observe(absl::ToDoubleSeconds(took)); }
void CoordinatorMetrics::LedgerSize(uint64_t entries) { state_->entries.Set(static_cast<double>(entries)); }
void CoordinatorMetrics::GapBooked(std::string_view line, v1::GapCause cause, absl::Duration length) {
  state_->gap_seconds.Add({{"line", std::string(line)}, {"cause", GapCauseName(cause)}})
      .Increment(absl::ToDoubleSeconds(length));
}
void CoordinatorMetrics::Recorded(absl::Duration audio) {
  state_->recorded_seconds.Increment(absl::ToDoubleSeconds(audio));
}
void CoordinatorMetrics::OrphanCalls(uint64_t calls) {
  state_->orphans.Increment(static_cast<double>(calls));
}
void CoordinatorMetrics::NodesConnected(int64_t count) { state_->nodes.Set(static_cast<double>(count)); }
void CoordinatorMetrics::NodeClockDivergence(std::string_view node, absl::Duration divergence) {
  state_->divergence.Add({{"node", std::string(node)}}).Set(absl::ToDoubleSeconds(divergence));
}
void CoordinatorMetrics::ClockDivergence(absl::Duration divergence) {
  NodeClockDivergence("coordinator", divergence);
}
void CoordinatorMetrics::Accessed(std::string_view action) { AddTo(state_->accessed, "action", action); }
void CoordinatorMetrics::AccessRefused(std::string_view why) { AddTo(state_->access_refused, "why", why); }
void CoordinatorMetrics::WormClaim(bool immutable) { state_->immutable.Set(immutable ? 1 : 0); }
void CoordinatorMetrics::VolumesDamaged(uint64_t count) { state_->damaged.Set(static_cast<double>(count)); }
void CoordinatorMetrics::ArchiveOpen(bool open) { state_->open.Set(open ? 1 : 0); }
void CoordinatorMetrics::DiskError(std::string_view operation) {
  AddTo(state_->disk_errors, "operation", operation);
}
void CoordinatorMetrics::CallsClosed(uint64_t calls) { state_->closed.Increment(static_cast<double>(calls)); }
absl::Status CoordinatorMetrics::Serve(const std::string& address) { return state_->exporter.Serve(address); }
uint16_t CoordinatorMetrics::port() const { return state_->exporter.port(); }

}  // namespace turret
