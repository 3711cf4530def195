#include "node/encode/recorder_parts.h"

namespace turret::node {
namespace {

template <class Change>
void ForEachField(Tally& tally, const Tally& other, Change change) {
  change(tally.received, other.received);
  change(tally.recorded, other.recorded);
  change(tally.duplicate, other.duplicate);
  change(tally.late, other.late);
  change(tally.lost, other.lost);
  for (size_t i = 0; i < tally.dropped.size(); ++i) change(tally.dropped[i], other.dropped[i]);
}

}  // namespace

void Tally::Add(const Tally& more) {
  ForEachField(*this, more, [](uint64_t& field, uint64_t other) { field += other; });
}

void Tally::Subtract(const Tally& less) {
  ForEachField(*this, less, [](uint64_t& field, uint64_t other) { field -= other; });
}

v1::PacketCounts Tally::ToProto() const {
  v1::PacketCounts counts;
  counts.set_received(received);
  counts.set_recorded(recorded);
  counts.set_duplicate(duplicate);
  counts.set_late(late);
  counts.set_lost(lost);
  for (size_t i = 0; i < dropped.size(); ++i) {
    if (dropped[i] == 0) continue;
    const std::string_view reason = DiscardName(static_cast<Discard>(i));
    (*counts.mutable_dropped())[std::string(reason)] = dropped[i];
  }
  return counts;
}

}  // namespace turret::node
