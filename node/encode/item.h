// What the pipeline hands to replication.
#pragma once

#include <cstdint>
#include <variant>

#include "storage/base/bytes.h"
#include "storage/base/ids.h"
#include "turret/v1/capture.pb.h"
#include "turret/v1/replication.pb.h"

namespace turret::node {

struct SealedSegment {
  StreamId stream;
  uint64_t sequence;
  Buffer sealed;
};

/// Items of one call arrive in their order: unit, call started, stream opened, segments and gaps, progress,
/// ended.
struct Item {
  std::variant<v1::UnitOpened, SealedSegment, v1::Fact> what;
  uint64_t spool_position;  // Oldest spool record that it was made from: kept until the item is acknowledged.
  int64_t made_utc_ns;      // Of the newest audio or fact in it: replication lag counts from here.
};

/// Thread-safe.
class ItemSink {
 public:
  virtual ~ItemSink() = default;
  /// Waits while the sink is full (the pipeline then falls behind, and reads the spool from disk later:
  /// capture does not notice). Returns false when the sink was stopped.
  virtual bool Push(Item item) = 0;
};

}  // namespace turret::node
