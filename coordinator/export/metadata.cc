#include "coordinator/export/metadata.h"

#include "absl/time/time.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "storage/base/bytes.h"

namespace turret::coordinator {
namespace {

using Json = nlohmann::ordered_json;

std::string Hex(const std::string& raw) { return ToHex(AsBytes(raw)); }

std::string Utc(int64_t ns) {
  return ns == 0 ? ""
                 : absl::FormatTime("%Y-%m-%dT%H:%M:%E9SZ", absl::FromUnixNanos(ns), absl::UTCTimeZone());
}

// "packet_loss" of GAP_CAUSE_PACKET_LOSS, and so on.
std::string LowerName(const std::string& name, std::string_view prefix) {
  std::string lower = name.starts_with(prefix) ? name.substr(prefix.size()) : name;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}
std::string CauseName(v1::GapCause cause) { return LowerName(v1::GapCause_Name(cause), "GAP_CAUSE_"); }
std::string FlagName(int flag) {
  return LowerName(v1::CallFlag_Name(static_cast<v1::CallFlag>(flag)), "CALL_FLAG_");
}

Json IntervalJson(const v1::Interval& interval) {
  return {{"begin_utc", Utc(interval.begin_utc_ns())}, {"end_utc", Utc(interval.end_utc_ns())}};
}

Json GapJson(const v1::Gap& gap) {
  Json row{
      {"gap_id", Hex(gap.gap_id())}, {"stream_id", Hex(gap.stream_id())}, {"cause", CauseName(gap.cause())}};
  row.update(IntervalJson(gap.interval()));
  row["first_missing_sequence"] = gap.first_missing_sequence();
  row["missing_packets"] = gap.missing_packets();
  return row;
}

Json CountsJson(const v1::PacketCounts& counts) {
  Json dropped = Json::object();
  for (const auto& [reason, count] : counts.dropped()) dropped[reason] = count;
  return {{"received", counts.received()},
          {"recorded", counts.recorded()},
          {"duplicate", counts.duplicate()},
          {"late", counts.late()},
          {"dropped", dropped},
          {"lost", counts.lost()}};
}

Json StreamJson(const v1::StreamSummary& stream) {
  Json row{{"stream_id", Hex(stream.stream_id())},
           {"label", stream.label()},
           {"participant", stream.participant()},
           {"codec", stream.codec()},
           {"segments", stream.segments()},
           {"packets", CountsJson(stream.counts())},
           {"recorded", Json::array()}};
  for (const v1::Interval& interval : stream.recorded()) row["recorded"].push_back(IntervalJson(interval));
  return row;
}

Json AudioJson(const AudioFiles& audio) {
  Json unsure = Json::array();
  for (const v1::UnsurePlace& place : audio.unsure) {
    Json row{{"stream_id", Hex(place.stream_id())},
             {"first_segment", place.first_segment()},
             {"end_segment", place.end_segment()}};
    row.update(IntervalJson(place.placed()));
    unsure.push_back(std::move(row));
  }
  return {{"begin_utc", Utc(audio.begin_utc_ns)}, {"channels", audio.channels}, {"unsure_places", unsure}};
}

template <class List>
std::string Joined(const List& list) {
  std::string text;
  for (const auto& item : list) text += (text.empty() ? "" : "; ") + std::string(item);
  return text;
}

std::string PartiesText(const v1::CallSummary& call) {
  std::vector<std::string> parties;
  for (const v1::Party& party : call.parties())
    parties.push_back(party.aor().empty() ? party.name() : fmt::format("{} <{}>", party.name(), party.aor()));
  return Joined(parties);
}

std::string Line(const std::vector<std::string>& fields) {
  std::string line;
  for (const std::string& field : fields) line += (line.empty() ? "" : ",") + CsvField(field);
  return line + "\r\n";
}

std::string Milliseconds(const v1::Interval& interval) {
  const int64_t ns = interval.end_utc_ns() - interval.begin_utc_ns();
  return fmt::format("{}.{:06}", ns / 1'000'000, ns % 1'000'000);
}

}  // namespace

std::string CallJson(const v1::CallSummary& call, const std::vector<uint64_t>& ledger_entries,
                     const AudioFiles& audio) {
  Json out{{"call_id", Hex(call.call_id())},
           {"sip_call_id", call.sip_call_id()},
           {"started_utc", Utc(call.started_utc_ns())},
           {"ended_utc", Utc(call.ended_utc_ns())},
           {"end_reason", LowerName(v1::CallEnded::Reason_Name(call.end_reason()), "REASON_")},
           {"traders", call.traders()},
           {"lines", call.lines()},
           {"desks", call.desks()},
           {"storage_class", call.storage_class()},
           {"rules", call.rules()},
           {"policy", LowerName(v1::Policy_Name(call.policy()), "POLICY_")}};
  for (const char* list : {"parties", "flags", "streams", "gaps"}) out[list] = Json::array();
  for (const v1::Party& party : call.parties())
    out["parties"].push_back(
        {{"participant_id", party.participant_id()}, {"name", party.name()}, {"aor", party.aor()}});
  for (int flag : call.flags()) out["flags"].push_back(FlagName(flag));
  for (const v1::StreamSummary& stream : call.streams()) out["streams"].push_back(StreamJson(stream));
  for (const v1::Gap& gap : call.gaps()) out["gaps"].push_back(GapJson(gap));
  out["audio"] = AudioJson(audio);
  out["ledger_entries"] = ledger_entries;
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string CallsCsv(const std::vector<v1::CallSummary>& calls) {
  std::string text = Line({"call_id", "started_utc", "ended_utc", "traders", "lines", "desks", "parties",
                           "storage_class", "policy", "streams", "gaps", "flags", "folder"});
  for (const v1::CallSummary& call : calls) {
    std::vector<std::string> flags;
    for (int flag : call.flags()) flags.push_back(FlagName(flag));
    text += Line({Hex(call.call_id()), Utc(call.started_utc_ns()), Utc(call.ended_utc_ns()),
                  Joined(call.traders()), Joined(call.lines()), Joined(call.desks()), PartiesText(call),
                  call.storage_class(), LowerName(v1::Policy_Name(call.policy()), "POLICY_"),
                  fmt::format("{}", call.streams_size()), fmt::format("{}", call.gaps_size()), Joined(flags),
                  fmt::format("calls/{}", Hex(call.call_id()))});
  }
  return text;
}

std::string GapsCsv(const std::vector<v1::CallSummary>& calls) {
  std::string text = Line({"call_id", "gap_id", "stream_id", "cause", "begin_utc", "end_utc", "milliseconds",
                           "first_missing_sequence", "missing_packets"});
  for (const v1::CallSummary& call : calls)
    for (const v1::Gap& gap : call.gaps())
      text += Line({Hex(call.call_id()), Hex(gap.gap_id()), Hex(gap.stream_id()), CauseName(gap.cause()),
                    Utc(gap.interval().begin_utc_ns()), Utc(gap.interval().end_utc_ns()),
                    Milliseconds(gap.interval()), fmt::format("{}", gap.first_missing_sequence()),
                    fmt::format("{}", gap.missing_packets())});
  return text;
}

std::string CsvField(std::string_view text) {
  const bool formula =
      !text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos;
  std::string field = formula ? "'" + std::string(text) : std::string(text);
  if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
  std::string quoted = "\"";
  for (char c : field) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace turret::coordinator
