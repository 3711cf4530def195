// Items between the pipeline and their acknowledgement, in order.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "node/encode/item.h"
#include "storage/base/digest.h"
#include "turret/v1/replication.pb.h"

namespace turret::node {

/// A queue of which the front is acknowledged and the rest is sent, again from the front after each break.
/// Not thread-safe.
class Unacknowledged {
 public:
  void Push(Item item);
  /// Everything is to be sent again, numbered from 1.
  void Rewind();
  /// The next item to send, with its number within this connection; nullopt when all are sent.
  std::optional<v1::ReplicateRequest> Next();
  /// Drops all items up to `through_item` of this connection. Returns how many. Numbers that were never sent
  /// count for nothing.
  size_t Acknowledge(uint64_t through_item);

  /// Streams that have segments here: whose position at the other end is worth asking. At most `count_max`.
  std::vector<StreamId> Streams(size_t count_max) const;
  /// Hash of the queued segment with this name; nullopt: not here.
  std::optional<Digest> HashOf(const StreamId& stream, uint64_t sequence) const;

  bool empty() const { return items_.empty(); }
  bool all_sent() const { return sent_ == items_.size(); }
  uint64_t bytes() const { return bytes_; }
  uint64_t OldestPosition() const;  // Lowest spool position; UINT64_MAX when empty.
  int64_t oldest_made_utc_ns() const { return items_.empty() ? 0 : items_.front().made_utc_ns; }

 private:
  std::deque<Item> items_;
  size_t sent_ = 0;            // Of items_, from the front, in this connection.
  uint64_t acknowledged_ = 0;  // Items of this connection that are gone.
  uint64_t bytes_ = 0;
};

}  // namespace turret::node
