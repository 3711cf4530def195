#include "tests/storage/index/entries.h"

#include "fmt/format.h"
#include "gtest/gtest.h"

namespace turret::test {

IndexedEntry& Entries::Add(v1::EntryKind kind) {
  IndexedEntry& entry = all_.emplace_back();
  entry.index = all_.size() - 1;
  entry.leaf.set_kind(kind);
  return entry;
}

v1::Fact& Entries::AddFact(const CallId& call) {
  v1::Fact& fact = *Add(v1::CALL).body.emplace().mutable_fact();
  fact.set_fact_id(Make<FactId>().ToProto());
  fact.set_call_id(call.ToProto());
  return fact;
}

v1::Fact& Entries::AddPresence(const NodeId& node, v1::Interval interval, uint64_t version) {
  v1::Fact& fact = *Add(v1::COVERAGE).body.emplace().mutable_fact();
  fact.set_fact_id(Make<FactId>().ToProto());
  v1::Presence& presence = *fact.mutable_presence();
  presence.set_node_id(node.ToProto());
  *presence.mutable_interval() = interval;
  presence.set_enrolment_version(version);
  return fact;
}

v1::CallStarted& Entries::AddStarted(const CallId& call, int64_t at_ns, const std::vector<LineId>& lines) {
  v1::CallStarted& started = *AddFact(call).mutable_call_started();
  started.set_answered_utc_ns(at_ns);
  for (const LineId& line : lines) started.add_line_ids(line.ToProto());
  return started;
}

v1::CallEnded& Entries::AddEnded(const CallId& call, int64_t at_ns) {
  v1::CallEnded& ended = *AddFact(call).mutable_call_ended();
  ended.set_ended_utc_ns(at_ns);
  return ended;
}

v1::EnrolmentChanged& Entries::AddEnrolment(uint64_t version, int64_t effective_ns) {
  v1::EnrolmentChanged& enrolment = *Add(v1::ENROLMENT).body.emplace().mutable_enrolment_changed();
  enrolment.set_version(version);
  enrolment.set_effective_utc_ns(effective_ns);
  return enrolment;
}

void Entries::AddExtended(const VolumeId& volume, const std::vector<std::pair<StreamId, uint64_t>>& segments,
                          bool closed) {
  IndexedEntry& entry = Add(closed ? v1::VOLUME_CLOSED : v1::VOLUME_EXTENDED);
  entry.leaf.mutable_volume()->set_volume_id(volume.ToProto());
  entry.leaf.mutable_volume()->set_leaves(entry.index + 1);
  v1::VolumeContents& contents = *entry.body.emplace().mutable_volume_contents();
  contents.set_volume_id(volume.ToProto());
  contents.set_storage_class("mifid");
  contents.set_day("2026-11-24");
  for (const auto& [stream, sequence] : segments) {
    v1::Placement& placement = *contents.add_placements();
    placement.set_stream_id(stream.ToProto());
    placement.set_sequence(sequence);
    placement.set_segment_hash(fmt::format("hash of {}", sequence));
    placement.set_end_sequence(500 * (sequence + 1));
    placement.set_end_timestamp(static_cast<int64_t>(80'000 * (sequence + 1)));
  }
}

v1::Line MakeLine(const LineId& id, const std::string& name, const std::string& trader) {
  v1::Line line;
  line.set_line_id(id.ToProto());
  line.set_name(name);
  line.set_trader(trader);
  return line;
}

v1::Interval MakeInterval(int64_t begin_ns, int64_t end_ns) {
  v1::Interval interval;
  interval.set_begin_utc_ns(begin_ns);
  interval.set_end_utc_ns(end_ns);
  return interval;
}

Index::Keys TestIndexKeys() {
  SeededRandom random(7);
  return {.tokens = SecretKey::Make(random), .files = SecretKey::Make(random)};
}

FreshIndex::FreshIndex() { Reopen(); }

void FreshIndex::Reopen() {
  index.reset();
  auto opened = Index::Open(folder / "index", TestIndexKeys());
  if (!opened.ok()) ADD_FAILURE() << opened.status();
  index = *std::move(opened);
}

std::vector<std::string> Dump(const Index& index) {
  std::vector<std::string> rows;
  const absl::Status status = index.ForEachRow([&](std::string_view family, Bytes key, Bytes value) {
    rows.push_back(fmt::format("{} {} = {}", family, ToHex(key), ToHex(value)));
    return absl::OkStatus();
  });
  if (!status.ok()) ADD_FAILURE() << status;
  return rows;
}

}  // namespace turret::test
