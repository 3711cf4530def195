#include <map>

#include "storage/base/status.h"
#include "storage/index/applier.h"
#include "storage/index/keys.h"

namespace turret::index {

absl::Status Applier::Apply(const IndexedEntry& entry) {
  if (entry.leaf.kind() == v1::VOLUME_EXTENDED || entry.leaf.kind() == v1::VOLUME_CLOSED)
    TURRET_RETURN_IF_ERROR(VolumeChanged(entry));
  if (!entry.body.has_value()) return absl::OkStatus();
  switch (entry.body->what_case()) {
    case v1::EntryBody::kFact:
      return ApplyFact(entry.body->fact(), entry.index);
    case v1::EntryBody::kVolumeContents:
      return Placed(entry.body->volume_contents(), entry.index);
    case v1::EntryBody::kEnrolmentChanged:
      return Enrolled(entry.body->enrolment_changed());
    case v1::EntryBody::kAccessed:
    case v1::EntryBody::kAccessRefused:
    case v1::EntryBody::WHAT_NOT_SET:
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::Status Applier::ApplyFact(const v1::Fact& fact, uint64_t entry) {
  if (IsId(fact.fact_id())) {
    TURRET_ASSIGN_OR_RETURN(const std::optional<std::string> before,
                            batch_.Get(Family::kFacts, fact.fact_id()));
    if (before.has_value()) return absl::OkStatus();
    batch_.Put(Family::kFacts, fact.fact_id(), U64Key(entry));
  }
  if (fact.what_case() == v1::Fact::kPresence) return Presence(fact.presence(), entry);
  return IsId(fact.call_id()) ? ApplyCallFact(fact, entry) : absl::OkStatus();
}

absl::Status Applier::Presence(const v1::Presence& presence, uint64_t entry) {
  if (!IsId(presence.node_id())) return absl::OkStatus();
  v1::PresenceRow row;
  *row.mutable_presence() = presence;
  row.set_entry(entry);
  const v1::Interval& interval = presence.interval();
  batch_.Put(Family::kPresence, Join(TimeKey(interval.begin_utc_ns()), presence.node_id(), U64Key(entry)),
             Serialise(row));
  return RaiseLongest(kZeroId, interval.begin_utc_ns(), interval.end_utc_ns());
}

absl::Status Applier::VolumeChanged(const IndexedEntry& entry) {
  const std::string& volume = entry.leaf.volume().volume_id();
  if (!IsId(volume)) return absl::OkStatus();
  TURRET_ASSIGN_OR_RETURN(v1::VolumeRow row, batch_.GetMessage<v1::VolumeRow>(Family::kVolumes, volume));
  *row.mutable_state() = entry.leaf.volume();
  row.set_entry(entry.index);
  if (entry.leaf.kind() == v1::VOLUME_CLOSED) row.set_closed(true);
  if (entry.body.has_value() && entry.body->has_volume_contents()) {
    const v1::VolumeContents& contents = entry.body->volume_contents();
    if (!contents.storage_class().empty()) row.set_storage_class(contents.storage_class());
    if (!contents.day().empty()) row.set_day(contents.day());
  }
  batch_.Put(Family::kVolumes, volume, Serialise(row));
  return absl::OkStatus();
}

absl::Status Applier::Placed(const v1::VolumeContents& contents, uint64_t entry) {
  if (!IsId(contents.volume_id())) return absl::OkStatus();
  for (const v1::Placement& placement : contents.placements()) {
    const std::string& stream = placement.stream_id();
    if (!IsId(stream)) continue;
    v1::PlacementRow addition;
    *addition.add_placements() = placement;
    addition.add_entries(entry);
    batch_.Append(Family::kPlacements, Join(stream, contents.volume_id()), addition);

    // Volumes that were recovered together may come in any order.
    TURRET_ASSIGN_OR_RETURN(v1::StreamRow held, batch_.GetMessage<v1::StreamRow>(Family::kPositions, stream));
    if (placement.sequence() < held.segments()) continue;
    held.set_segments(placement.sequence() + 1);
    held.set_last_segment_hash(placement.segment_hash());
    held.set_end_sequence(placement.end_sequence());
    held.set_end_timestamp(placement.end_timestamp());
    batch_.Put(Family::kPositions, stream, Serialise(held));
  }
  return absl::OkStatus();
}

absl::Status Applier::Enrolled(const v1::EnrolmentChanged& enrolment) {
  TURRET_ASSIGN_OR_RETURN(const std::optional<std::string> newest,
                          batch_.Get(Family::kMeta, kNewestEnrolmentKey));
  v1::EnrolmentChanged previous;
  if (newest.has_value()) {
    TURRET_ASSIGN_OR_RETURN(previous, batch_.GetMessage<v1::EnrolmentChanged>(Family::kEnrolment, *newest));
  }
  std::map<std::string, std::string> before;
  for (const v1::Line& line : previous.lines()) before[line.line_id()] = Serialise(line);

  const auto add_to_history = [&](const std::string& id, const v1::Line* line) {
    v1::LineRow addition;
    v1::EnrolmentChanged& version = *addition.add_versions();
    version.set_version(enrolment.version());
    version.set_effective_utc_ns(enrolment.effective_utc_ns());
    if (line != nullptr) *version.add_lines() = *line;
    batch_.Append(Family::kLines, id, addition);
  };
  for (const v1::Line& line : enrolment.lines()) {
    if (!IsId(line.line_id())) continue;
    const auto old = before.find(line.line_id());
    const bool changed = old == before.end() || old->second != Serialise(line);
    if (old != before.end()) before.erase(old);
    if (!changed) continue;
    add_to_history(line.line_id(), &line);
    TURRET_RETURN_IF_ERROR(batch_.Mark(Family::kLineNames, Token(token_key_, line.name()), line.line_id()));
  }
  for (const auto& [id, line] : before)
    if (IsId(id)) add_to_history(id, nullptr);
  batch_.Put(Family::kEnrolment, U64Key(enrolment.version()), Serialise(enrolment));
  batch_.Put(Family::kMeta, kNewestEnrolmentKey, U64Key(enrolment.version()));
  return absl::OkStatus();
}

}  // namespace turret::index
