#include "coordinator/turretctl/coverage_table.h"

#include <map>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/turretctl/json.h"
#include "coordinator/turretctl/table.h"
#include "coordinator/turretctl/times.h"
#include "fmt/format.h"
#include "storage/base/status.h"

namespace turret::turretctl {
namespace {

using Align = Table::Align;
using Columns = std::vector<Table::Column>;

int64_t SumOf(const v1::CoverageTotals& totals) {
  return totals.recorded_ns() + totals.idle_ns() + totals.paused_ns() + totals.gap_ns();
}

// As shown: in whole milliseconds that add up.
struct Shown {
  std::string recorded, idle, paused, gap;
  int64_t gap_ns;
};
Shown ShownOf(const v1::CoverageTotals& totals) {
  const std::vector<int64_t> parts = RoundToMilliseconds(
      {totals.recorded_ns(), totals.idle_ns(), totals.paused_ns(), totals.gap_ns()}, SumOf(totals));
  return {ShowDuration(parts[0]), ShowDuration(parts[1]), ShowDuration(parts[2]), ShowDuration(parts[3]),
          parts[3]};
}

std::string Share(int64_t part_ns, int64_t whole_ns) {
  return whole_ns == 0
             ? "-"
             : fmt::format("{:.3f} %", 100.0 * static_cast<double>(part_ns) / static_cast<double>(whole_ns));
}

std::string OfWhich(int64_t part_ns, const char* what) {
  return part_ns == 0 ? "" : fmt::format("of which {}  {}", what, ShowDuration(part_ns));
}

std::string TotalsTable(const v1::CoverageTotals& totals) {
  const Shown shown = ShownOf(totals);
  const int64_t sum_ns = SumOf(totals);
  Table table({{""}, {"", Align::kRight}, {"", Align::kRight}, {""}});
  table.Add({"recorded", shown.recorded, Share(totals.recorded_ns(), sum_ns),
             OfWhich(totals.silence_ns(), "silence")});
  table.Add({"idle", shown.idle, Share(totals.idle_ns(), sum_ns), OfWhich(totals.edge_ns(), "edges")});
  table.Add({"paused", shown.paused, Share(totals.paused_ns(), sum_ns), ""});
  table.Add({"gap", shown.gap, Share(totals.gap_ns(), sum_ns), ""});
  table.Add({"", "────────────", "─────────", ""});
  table.Add({"sum", ShowDuration(sum_ns), Share(sum_ns, sum_ns), ""});
  const bool equal = sum_ns == totals.enrolled_ns();
  table.Add({"enrolled", ShowDuration(totals.enrolled_ns()), "",
             equal ? "= the sum" : "≠ the sum: the books are wrong"});
  return table.Render(2);
}

std::string CauseTable(const v1::CoverageTotals& totals) {
  std::vector<std::string> causes;
  std::vector<int64_t> parts;
  for (const auto& [cause, ns] :
       std::map<std::string, int64_t>(totals.gap_by_cause_ns().begin(), totals.gap_by_cause_ns().end())) {
    causes.push_back(cause);
    parts.push_back(ns);
  }
  const std::vector<int64_t> shown = RoundToMilliseconds(parts, ShownOf(totals).gap_ns);
  Table table({{"GAP"}, {"LENGTH", Align::kRight}});
  for (size_t i = 0; i < causes.size(); ++i) table.Add({causes[i], ShowDuration(shown[i])});
  return table.empty() ? "" : "\n" + table.Render(2);
}

std::string ChannelTable(const v1::CoverageReport& report) {
  Table table({{"CHANNEL"},
               {"RECORDED", Align::kRight},
               {"IDLE", Align::kRight},
               {"PAUSED", Align::kRight},
               {"GAP", Align::kRight},
               {"= ENROLLED", Align::kRight}});
  for (const v1::ChannelCoverage& channel : report.channels()) {
    const v1::CoverageTotals& totals = channel.totals();
    const Shown shown = ShownOf(totals);
    table.Add({DirectionName(channel.direction()), shown.recorded, shown.idle, shown.paused, shown.gap,
               ShowDuration(totals.enrolled_ns())});
  }
  return table.empty() ? "" : "\n" + table.Render(2);
}

int64_t DayBegin(const v1::CoverageReport& report) {
  absl::Time day;
  if (!absl::ParseTime("%Y-%m-%d", report.day(), absl::UTCTimeZone(), &day, nullptr))
    return report.enrolled().begin_utc_ns();
  return absl::ToUnixNanos(day);
}

template <class Kinds>
std::string IntervalTable(const std::string& title, const Kinds& kinds, int64_t day_begin_utc_ns) {
  Table table({{title}, {""}, {"FROM (UTC)"}, {"TO (UTC)"}, {"LENGTH", Align::kRight}});
  for (const v1::CoverageKind& kind : kinds)
    table.Add({kind.kind(), kind.detail(), ShowTimeOfDay(kind.interval().begin_utc_ns(), day_begin_utc_ns),
               ShowTimeOfDay(kind.interval().end_utc_ns(), day_begin_utc_ns),
               ShowDuration(CutToMilliseconds(kind.interval().end_utc_ns()) -
                            CutToMilliseconds(kind.interval().begin_utc_ns()))});
  return table.empty() ? "" : "\n" + table.Render(2);
}

absl::Status CheckTotals(const std::string& what, const v1::CoverageTotals& totals) {
  if (SumOf(totals) != totals.enrolled_ns())
    return absl::DataLossError(fmt::format("{}: recorded, idle, paused and gap are {} ns, enrolled are {} ns",
                                           what, SumOf(totals), totals.enrolled_ns()));
  int64_t causes_ns = 0;
  for (const auto& [cause, ns] : totals.gap_by_cause_ns()) causes_ns += ns;
  if (causes_ns != totals.gap_ns())
    return absl::DataLossError(
        fmt::format("{}: the causes of gaps are {} ns, the gaps {} ns", what, causes_ns, totals.gap_ns()));
  return absl::OkStatus();
}

// In order, without a hole, from end to end.
template <class Kinds>
absl::Status CheckIntervals(const std::string& what, const Kinds& kinds, const v1::Interval& enrolled) {
  if (kinds.empty()) return absl::OkStatus();
  int64_t at = enrolled.begin_utc_ns();
  for (const v1::CoverageKind& kind : kinds) {
    if (kind.interval().begin_utc_ns() != at)
      return absl::DataLossError(fmt::format("{}: a hole or an overlap at {}", what, Rfc3339(at)));
    at = kind.interval().end_utc_ns();
  }
  if (at != enrolled.end_utc_ns())
    return absl::DataLossError(fmt::format("{}: ends at {}", what, Rfc3339(at)));
  return absl::OkStatus();
}

}  // namespace

std::string CoverageTable(const v1::CoverageReport& report, bool intervals) {
  const int64_t day_begin = DayBegin(report);
  std::string text = fmt::format("Line {}, {}, enrolled {} – {} UTC\n\n", Printable(report.line()),
                                 report.day(), ShowTimeOfDay(report.enrolled().begin_utc_ns(), day_begin),
                                 ShowTimeOfDay(report.enrolled().end_utc_ns(), day_begin));
  text += TotalsTable(report.totals()) + CauseTable(report.totals()) + ChannelTable(report);
  if (intervals) {
    text += IntervalTable("LINE", report.intervals(), day_begin);
    for (const v1::ChannelCoverage& channel : report.channels())
      text += IntervalTable("CHANNEL " + DirectionName(channel.direction()), channel.intervals(), day_begin);
  }
  for (const std::string& error : report.errors()) text += "\nError: " + Printable(error) + "\n";
  return text;
}

absl::Status CheckCoverage(const v1::CoverageReport& report) {
  TURRET_RETURN_IF_ERROR(CheckTotals("line", report.totals()));
  TURRET_RETURN_IF_ERROR(CheckIntervals("line", report.intervals(), report.enrolled()));
  for (const v1::ChannelCoverage& channel : report.channels()) {
    const std::string name = "channel " + DirectionName(channel.direction());
    TURRET_RETURN_IF_ERROR(CheckTotals(name, channel.totals()));
    TURRET_RETURN_IF_ERROR(CheckIntervals(name, channel.intervals(), report.enrolled()));
  }
  if (!report.errors().empty())
    return absl::DataLossError(
        fmt::format("{} pieces of evidence contradict each other", report.errors_size()));
  return absl::OkStatus();
}

}  // namespace turret::turretctl
