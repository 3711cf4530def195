#include "node/replicate/unacknowledged.h"

#include <algorithm>
#include <limits>
#include <set>

#include "storage/base/digest.h"

namespace turret::node {
namespace {

uint64_t BytesOf(const Item& item) {
  if (const auto* segment = std::get_if<SealedSegment>(&item.what)) return segment->sealed.size();
  if (const auto* fact = std::get_if<v1::Fact>(&item.what)) return fact->ByteSizeLong();
  return std::get<v1::UnitOpened>(item.what).ByteSizeLong();
}

v1::ReplicateRequest RequestOf(const Item& item, uint64_t number) {
  v1::ReplicateRequest request;
  request.set_item(number);
  if (const auto* segment = std::get_if<SealedSegment>(&item.what))
    request.mutable_segment()->set_sealed(segment->sealed.data(), segment->sealed.size());
  else if (const auto* fact = std::get_if<v1::Fact>(&item.what))
    *request.mutable_fact() = *fact;
  else
    *request.mutable_unit() = std::get<v1::UnitOpened>(item.what);
  return request;
}

}  // namespace

void Unacknowledged::Push(Item item) {
  bytes_ += BytesOf(item);
  items_.push_back(std::move(item));
}

void Unacknowledged::Rewind() {
  sent_ = 0;
  acknowledged_ = 0;
}

std::optional<v1::ReplicateRequest> Unacknowledged::Next() {
  if (all_sent()) return std::nullopt;
  const Item& item = items_[sent_];
  ++sent_;
  return RequestOf(item, acknowledged_ + sent_);
}

size_t Unacknowledged::Acknowledge(uint64_t through_item) {
  size_t dropped = 0;
  while (acknowledged_ < through_item && sent_ > 0) {
    bytes_ -= BytesOf(items_.front());
    items_.pop_front();
    --sent_;
    ++acknowledged_;
    ++dropped;
  }
  return dropped;
}

std::vector<StreamId> Unacknowledged::Streams(size_t count_max) const {
  std::set<StreamId> streams;
  for (const Item& item : items_) {
    if (const auto* segment = std::get_if<SealedSegment>(&item.what)) streams.insert(segment->stream);
    if (streams.size() == count_max) break;
  }
  return {streams.begin(), streams.end()};
}

std::optional<Digest> Unacknowledged::HashOf(const StreamId& stream, uint64_t sequence) const {
  for (const Item& item : items_) {
    const auto* const segment = std::get_if<SealedSegment>(&item.what);
    if (segment != nullptr && segment->stream == stream && segment->sequence == sequence)
      return Sha256(segment->sealed);
  }
  return std::nullopt;
}

uint64_t Unacknowledged::OldestPosition() const {
  uint64_t oldest = std::numeric_limits<uint64_t>::max();
  for (const Item& item : items_) oldest = std::min(oldest, item.spool_position);
  return oldest;
}

}  // namespace turret::node
