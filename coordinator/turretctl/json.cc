#include "coordinator/turretctl/json.h"

#include <algorithm>
#include <cctype>

#include "coordinator/turretctl/times.h"
#include "monitoring/metrics.h"
#include "storage/base/bytes.h"

namespace turret::turretctl {
namespace {

double Seconds(int64_t ns) { return static_cast<double>(ns) / 1e9; }
std::string Hex(const std::string& id) { return ToHex(AsBytes(id)); }

Json TimeOrNull(int64_t utc_ns) { return utc_ns == 0 ? Json(nullptr) : Json(Rfc3339(utc_ns)); }

Json Of(const v1::Interval& interval) {
  return {{"begin", Rfc3339(interval.begin_utc_ns())},
          {"end", Rfc3339(interval.end_utc_ns())},
          {"seconds", Seconds(interval.end_utc_ns() - interval.begin_utc_ns())}};
}

template <class Strings>
Json Array(const Strings& strings) {
  Json array = Json::array();
  for (const auto& one : strings) array.push_back(one);
  return array;
}

Json Of(const v1::PacketCounts& counts) {
  Json dropped = Json::object();
  for (const auto& [reason, count] : counts.dropped()) dropped[reason] = count;
  return {{"received", counts.received()},
          {"recorded", counts.recorded()},
          {"duplicate", counts.duplicate()},
          {"late", counts.late()},
          {"dropped", dropped},
          {"lost", counts.lost()}};
}

Json Of(const v1::StreamSummary& stream) {
  Json recorded = Json::array();
  for (const v1::Interval& interval : stream.recorded()) recorded.push_back(Of(interval));
  return {{"stream_id", Hex(stream.stream_id())},
          {"label", stream.label()},
          {"participant", stream.participant()},
          {"codec", stream.codec()},
          {"segments", stream.segments()},
          {"packets", Of(stream.counts())},
          {"recorded", recorded}};
}

Json Of(const v1::CoverageTotals& totals) {
  Json causes = Json::object();
  for (const auto& [cause, ns] : totals.gap_by_cause_ns()) causes[cause] = Seconds(ns);
  return {{"enrolled_seconds", Seconds(totals.enrolled_ns())},
          {"recorded_seconds", Seconds(totals.recorded_ns())},
          {"idle_seconds", Seconds(totals.idle_ns())},
          {"paused_seconds", Seconds(totals.paused_ns())},
          {"gap_seconds", Seconds(totals.gap_ns())},
          {"gap_seconds_by_cause", causes},
          {"edge_seconds", Seconds(totals.edge_ns())},
          {"silence_seconds", Seconds(totals.silence_ns())}};
}

template <class Kinds>
Json OfKinds(const Kinds& kinds) {
  Json array = Json::array();
  for (const v1::CoverageKind& kind : kinds) {
    Json one{{"kind", kind.kind()}, {"detail", kind.detail()}};
    one.update(Of(kind.interval()));
    array.push_back(std::move(one));
  }
  return array;
}

std::string LowerWithout(std::string name, std::string_view prefix) {
  if (name.starts_with(prefix)) name.erase(0, prefix.size());
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return name;
}

}  // namespace

Json ToJson(const v1::Gap& gap) {
  Json json{{"cause", GapCauseName(gap.cause())}, {"stream_id", Hex(gap.stream_id())}};
  json.update(Of(gap.interval()));
  json["missing_packets"] = gap.missing_packets();
  return json;
}

Json ToJson(const v1::UnsurePlace& place) {
  Json json{{"stream_id", Hex(place.stream_id())},
            {"first_segment", place.first_segment()},
            {"end_segment", place.end_segment()}};
  json.update(Of(place.placed()));
  return json;
}

Json ToJson(const v1::CallSummary& call) {
  Json parties = Json::array();
  for (const v1::Party& party : call.parties())
    parties.push_back({{"name", party.name()}, {"aor", party.aor()}});
  Json streams = Json::array();
  for (const v1::StreamSummary& stream : call.streams()) streams.push_back(Of(stream));
  Json gaps = Json::array();
  for (const v1::Gap& gap : call.gaps()) gaps.push_back(ToJson(gap));
  Json flags = Json::array();
  for (const int flag : call.flags()) flags.push_back(CallFlagName(static_cast<v1::CallFlag>(flag)));
  return {{"call_id", Hex(call.call_id())},
          {"started", TimeOrNull(call.started_utc_ns())},
          {"ended", TimeOrNull(call.ended_utc_ns())},
          {"end", EndName(call.end_reason())},
          {"traders", Array(call.traders())},
          {"lines", Array(call.lines())},
          {"desks", Array(call.desks())},
          {"parties", parties},
          {"streams", streams},
          {"gaps", gaps},
          {"flags", flags},
          {"policy", PolicyName(call.policy())},
          {"storage_class", call.storage_class()},
          {"rules", Array(call.rules())},
          {"sip_call_id", call.sip_call_id()}};
}

Json ToJson(const v1::CoverageReport& report) {
  Json channels = Json::array();
  for (const v1::ChannelCoverage& channel : report.channels())
    channels.push_back({{"channel", DirectionName(channel.direction())},
                        {"totals", Of(channel.totals())},
                        {"intervals", OfKinds(channel.intervals())}});
  return {{"line", report.line()},
          {"day", report.day()},
          {"enrolled", Of(report.enrolled())},
          {"totals", Of(report.totals())},
          {"intervals", OfKinds(report.intervals())},
          {"channels", channels},
          {"errors", Array(report.errors())}};
}

Json ToJson(const v1::Line& line) {
  return {{"line", line.name()},
          {"line_id", Hex(line.line_id())},
          {"trader", line.trader()},
          {"desk", line.desk()},
          {"device", line.device()},
          {"policy", PolicyName(line.policy())},
          {"storage_class", line.storage_class()},
          {"rules", Array(line.rules())},
          {"enrolled", TimeOrNull(line.enrolled_utc_ns())},
          {"retired", TimeOrNull(line.retired_utc_ns())}};
}

Json ToJson(const v1::TreeHead& head) {
  return {{"size", head.size()}, {"root", Hex(head.root())}, {"checkpoint", head.checkpoint()}};
}

Json ToJson(const v1::CheckIndexReport& report) {
  return {
      {"entries", report.entries()}, {"rows", report.rows()}, {"differences", Array(report.differences())}};
}

std::string ToLine(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string DirectionName(v1::Direction direction) {
  return LowerWithout(v1::Direction_Name(direction), "DIRECTION_");
}
std::string PolicyName(v1::Policy policy) { return LowerWithout(v1::Policy_Name(policy), "POLICY_"); }
std::string EndName(v1::CallEnded::Reason reason) {
  return reason == v1::CallEnded::REASON_UNSPECIFIED
             ? "running"
             : LowerWithout(v1::CallEnded::Reason_Name(reason), "REASON_");
}

}  // namespace turret::turretctl
