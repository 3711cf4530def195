#include "storage/verify/opened.h"

#include "fmt/format.h"
#include "storage/verify/plaintext.h"

namespace turret::verify {
namespace {

constexpr size_t kHeaderBytes = 180;
constexpr size_t kOpeningBytes = 32;

}  // namespace

void OpenedArchive::OpenBodies(const std::string& archive, uint64_t end) {
  Report scratch;  // ReadLedger told what is wrong with the records.
  ForEachEntry(archive, end, scratch, [this](const Entry& entry) {
    if (!entry.sealed_body.empty()) OpenBody(entry);
  });
}

void OpenedArchive::OpenBody(const Entry& entry) {
  v1::Leaf leaf;
  if (!leaf.ParseFromArray(entry.leaf.data(), static_cast<int>(entry.leaf.size()))) return;
  const UnwrappedKey* const key = keys_.Find(leaf.body_key_id());
  if (key == nullptr || key->book_id != leaf.body_book_id())
    return report_.Add(entry.place, "the key of the entry's body is not in the book that the leaf names");
  Aad aad;
  aad.Text(leaf.ledger_id()).Text(leaf.entry_id());
  const auto plain = OpenBox(key->key, aad.view(), entry.sealed_body);
  if (!plain || plain->size() < kOpeningBytes)
    return report_.Add(entry.place, "the entry's body does not open");
  if (!Equal(Sha256({*plain}), leaf.body_opening_digest()))
    return report_.Add(entry.place, "the digest of the opened body does not fit");
  v1::EntryBody body;
  const View raw = View(*plain).subspan(kOpeningBytes);
  if (!body.ParseFromArray(raw.data(), static_cast<int>(raw.size())))
    return report_.Add(entry.place, "the entry's body cannot be parsed");
  ++report_.counts.bodies_opened;
  if (leaf.has_volume() != body.has_volume_contents())
    report_.Add(entry.place, "the entry's body is not what its kind asks for");
  if (body.has_volume_contents()) TakeContents(entry, leaf, body.volume_contents());
  if (body.has_fact()) TakeFact(entry, body.fact());
}

void OpenedArchive::TakeContents(const Entry& entry, const v1::Leaf& leaf,
                                 const v1::VolumeContents& contents) {
  if (contents.volume_id() != leaf.volume().volume_id())
    report_.Add(entry.place, "the body tells of another volume than the leaf");
  for (const v1::Placement& row : contents.placements()) {
    Placed placed{entry.index,     row.offset_bytes(), row.record_bytes(), row.segment_hash(),
                  row.stream_id(), row.sequence(),     row.unit_id()};
    if (!placements_.emplace(std::pair(contents.volume_id(), row.leaf_index()), std::move(placed)).second)
      report_.Add(entry.place, fmt::format("leaf {} of the volume is placed twice", row.leaf_index()));
  }
}

void OpenedArchive::TakeFact(const Entry& entry, const v1::Fact& fact) {
  if (!fact.has_call_ended()) return;
  for (const v1::CallEnded::StreamEnd& end : fact.call_ended().streams())
    ends_.push_back({entry.place, end.stream_id(), end.segments(), end.last_segment_hash()});
}

void OpenedArchive::OpenSegment(const SegmentAt& segment) {
  ComparePlacement(segment);
  const UnwrappedKey* const key = keys_.Find(segment.unit_id);
  if (key == nullptr) return report_.Add(segment.place, "no book holds the key of the segment's unit");
  const View sealed = segment.sealed;
  const Plain derived = Hkdf(key->key, sealed.subspan(80, 32), "turret segment v1", 44);
  const auto plain = OpenGcm(derived, sealed.first(kHeaderBytes), sealed.subspan(kHeaderBytes));
  if (!plain) return report_.Add(segment.place, "the segment does not open");
  ++report_.counts.segments_opened;
  const Hash digest = Sha256({*plain});
  if (!std::ranges::equal(digest, sealed.subspan(144, 32)))
    report_.Add(segment.place, "the opening digest does not fit the plaintext");
  if (const std::string fault = PlaintextFault(*plain, key->call_id); !fault.empty())
    report_.Add(segment.place, "the opened segment " + fault);
}

void OpenedArchive::ComparePlacement(const SegmentAt& segment) {
  const auto found = placements_.find({std::string(segment.volume_id), segment.place.record.value_or(0)});
  if (found == placements_.end())
    return report_.Add(segment.place, "no entry says that the segment lies here");
  const Placed& placed = found->second;
  Place place = segment.place;
  place.entry = placed.entry;
  if (placed.entry != segment.entry)
    report_.Add(place, fmt::format("entry {} covers the segment, and this one places it", segment.entry));
  if (placed.offset_bytes != segment.place.offset_bytes || placed.record_bytes != segment.sealed.size() + 12)
    report_.Add(place, "the entry places the segment elsewhere, or with another length");
  if (placed.stream_id != segment.stream_id || placed.sequence != segment.sequence ||
      placed.unit_id != segment.unit_id)
    report_.Add(place, "the entry places another segment here");
  else if (!Equal(Sha256({segment.sealed}), placed.segment_hash))
    report_.Add(place, "the entry states another hash of the segment");
  placements_.erase(found);
}

void OpenedArchive::Finish(const Streams& streams) {
  for (const auto& [at, placed] : placements_)
    report_.Add({.record = at.second,
                 .entry = placed.entry,
                 .ids = fmt::format("volume {} stream {} sequence {}", Hex(at.first), Hex(placed.stream_id),
                                    placed.sequence)},
                "the segment that the entry places is not there");
  for (const StreamEnd& end : ends_)
    streams.CheckEnd(end.stream_id, end.segments, end.last_hash, end.said_in, report_);
}

}  // namespace turret::verify
