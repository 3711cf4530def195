#include "coordinator/turretctl/summary.h"

#include <vector>

#include "coordinator/turretctl/json.h"
#include "coordinator/turretctl/table.h"
#include "coordinator/turretctl/times.h"
#include "fmt/format.h"
#include "monitoring/metrics.h"
#include "storage/base/bytes.h"

namespace turret::turretctl {
namespace {

using Align = Table::Align;

constexpr size_t kShortDigits = 8;

std::string Hex(const std::string& id) { return ToHex(AsBytes(id)); }
int64_t Length(const v1::Interval& interval) { return interval.end_utc_ns() - interval.begin_utc_ns(); }

std::string NameOfStream(const v1::CallSummary& call, const std::string& stream_id) {
  for (const v1::StreamSummary& stream : call.streams())
    if (stream.stream_id() == stream_id)
      return stream.participant().empty() ? stream.label() : stream.participant();
  return stream_id.empty() ? "-" : ShortId(stream_id);
}

std::string StreamTable(const v1::CallSummary& call) {
  Table table({{"STREAM"},
               {"LABEL"},
               {"SPEAKS"},
               {"CODEC"},
               {"SEGMENTS", Align::kRight},
               {"RECEIVED", Align::kRight},
               {"RECORDED", Align::kRight},
               {"LOST", Align::kRight},
               {"LATE", Align::kRight},
               {"DUPLICATE", Align::kRight},
               {"DROPPED", Align::kRight}});
  for (const v1::StreamSummary& stream : call.streams()) {
    uint64_t dropped = 0;
    for (const auto& [reason, count] : stream.counts().dropped()) dropped += count;
    const v1::PacketCounts& counts = stream.counts();
    table.Add({Hex(stream.stream_id()), stream.label(), stream.participant(), stream.codec(),
               fmt::format("{}", stream.segments()), fmt::format("{}", counts.received()),
               fmt::format("{}", counts.recorded()), fmt::format("{}", counts.lost()),
               fmt::format("{}", counts.late()), fmt::format("{}", counts.duplicate()),
               fmt::format("{}", dropped)});
  }
  return table.empty() ? "  none\n" : table.Render(2);
}

std::string Flags(const v1::CallSummary& call) {
  std::vector<std::string> names;
  for (const int flag : call.flags()) names.push_back(CallFlagName(static_cast<v1::CallFlag>(flag)));
  return Joined(names);
}

}  // namespace

std::string ShortId(const std::string& id) { return Hex(id).substr(0, kShortDigits); }

std::string ShowGapCount(const v1::CallSummary& call) {
  if (call.gaps().empty()) return "-";
  int64_t total_ns = 0;
  for (const v1::Gap& gap : call.gaps()) total_ns += Length(gap.interval());
  return fmt::format("{} ({})", call.gaps_size(), ShowDuration(total_ns));
}

std::string GapTable(const v1::CallSummary& call) {
  Table table({{"GAP"},
               {"FROM (UTC)"},
               {"TO (UTC)"},
               {"LENGTH", Align::kRight},
               {"PACKETS", Align::kRight},
               {"STREAM"}});
  for (const v1::Gap& gap : call.gaps())
    table.Add({GapCauseName(gap.cause()), ShowTime(gap.interval().begin_utc_ns()),
               ShowTime(gap.interval().end_utc_ns()), ShowDuration(Length(gap.interval())),
               gap.missing_packets() == 0 ? "-" : fmt::format("{}", gap.missing_packets()),
               NameOfStream(call, gap.stream_id())});
  return table.empty() ? "No gap.\n" : table.Render();
}

std::string UnsureTable(const v1::PlayHeader& header) {
  if (header.unsure().empty()) return "";
  Table table({{"PLACE UNSURE"}, {"FROM (UTC)"}, {"TO (UTC)"}, {"SEGMENTS"}});
  for (const v1::UnsurePlace& place : header.unsure())
    table.Add({NameOfStream(header.call(), place.stream_id()), ShowTime(place.placed().begin_utc_ns()),
               ShowTime(place.placed().end_utc_ns()),
               fmt::format("{} to {}", place.first_segment(), place.end_segment() - 1)});
  return "\nThe recorded times of this audio cannot be right. It is all there; when it was said is not "
         "proven.\n" +
         table.Render();
}

std::string CallDetails(const v1::CallSummary& call) {
  const bool running = call.ended_utc_ns() == 0;
  std::vector<std::string> parties;
  for (const v1::Party& party : call.parties())
    parties.push_back(party.name().empty() ? party.aor() : fmt::format("{} <{}>", party.name(), party.aor()));
  Table facts({{""}, {""}});
  facts.Add({"Call", Hex(call.call_id())});
  facts.Add({"Started", ShowTime(call.started_utc_ns()) + " UTC"});
  facts.Add({"Ended", running ? "running"
                              : fmt::format("{} UTC ({}), after {}", ShowTime(call.ended_utc_ns()),
                                            EndName(call.end_reason()),
                                            ShowDuration(call.ended_utc_ns() - call.started_utc_ns()))});
  facts.Add({"Traders", Joined(call.traders())});
  facts.Add({"Desks", Joined(call.desks())});
  facts.Add({"Lines", Joined(call.lines(), "none: an orphan")});
  facts.Add({"Parties", Joined(parties)});
  facts.Add({"Kept as", fmt::format("{}, class {}, rules {}", PolicyName(call.policy()), call.storage_class(),
                                    Joined(call.rules()))});
  facts.Add({"Flags", Flags(call)});
  facts.Add({"SIP Call-ID", call.sip_call_id()});
  return facts.Render() + "\nStreams\n" + StreamTable(call) + "\n" + GapTable(call);
}

}  // namespace turret::turretctl
