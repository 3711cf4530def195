// Full mode: what stands in bodies and segments, and whether they agree.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "storage/verify/keys.h"
#include "storage/verify/ledger.h"
#include "storage/verify/streams.h"
#include "storage/verify/volumes.h"

namespace turret::verify {

/// Opens bodies first, then segments, then compares. Not thread-safe.
class OpenedArchive {
 public:
  OpenedArchive(const KeyRing& keys, Report& report) : keys_(keys), report_(report) {}

  /// Opens every body below `end`: digest of the opening, placements, ends of streams.
  void OpenBodies(const std::string& archive, uint64_t end);
  /// Opens one segment, and compares it with its placement.
  void OpenSegment(const SegmentAt& segment);
  /// Placements without a segment; streams that do not end as their calls say.
  void Finish(const Streams& streams);

 private:
  struct Placed {
    uint64_t entry;
    uint64_t offset_bytes;
    uint64_t record_bytes;
    std::string segment_hash;
    std::string stream_id;
    uint64_t sequence;
    std::string unit_id;
  };
  struct StreamEnd {
    Place said_in;
    std::string stream_id;
    uint64_t segments;
    std::string last_hash;
  };

  void OpenBody(const Entry& entry);
  void TakeContents(const Entry& entry, const v1::Leaf& leaf, const v1::VolumeContents& contents);
  void TakeFact(const Entry& entry, const v1::Fact& fact);
  void ComparePlacement(const SegmentAt& segment);

  const KeyRing& keys_;
  Report& report_;
  std::map<std::pair<std::string, uint64_t>, Placed> placements_;  // By volume id and leaf; gone when found.
  std::vector<StreamEnd> ends_;
};

}  // namespace turret::verify
