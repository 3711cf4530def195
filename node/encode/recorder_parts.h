// What the recorders of one worker share: where items go, what is counted, whose keys are used.
#pragma once

#include <array>
#include <cstdint>
#include <variant>

#include "monitoring/metrics.h"
#include "node/encode/item.h"
#include "node/encode/pipeline.h"
#include "node/encode/resume_points.h"
#include "node/order/rtp.h"

namespace turret::node {

/// Datagrams counted; a worker hands the differences to the metrics once a batch.
struct Tally {
  uint64_t received = 0;
  uint64_t recorded = 0;
  uint64_t duplicate = 0;
  uint64_t late = 0;
  uint64_t lost = 0;
  std::array<uint64_t, kDiscardCount> dropped{};

  void Add(const Tally& more);
  void Subtract(const Tally& less);
  void Drop(Discard reason) { ++dropped[static_cast<size_t>(reason)]; }
  v1::PacketCounts ToProto() const;
};

/// Hands an item on; may wait.
class ItemOutput {
 public:
  virtual ~ItemOutput() = default;
  virtual void Emit(decltype(Item::what) what, uint64_t position, int64_t made_utc_ns) = 0;
};

/// All of it outlives the recorders and is used on the worker's thread.
struct RecorderParts {
  ItemOutput& items;
  Tally& tally;
  NodeMetrics& metrics;
  const IntakeKeys& keys;
  Random& random;
  int64_t reorder_window_ns;
  ResumePoints* points = nullptr;          // Where calls and streams are remembered; null pointer: nowhere.
  const int64_t* newest_utc_ns = nullptr;  // Of any record that was read so far, of whatever stream.
};

}  // namespace turret::node
