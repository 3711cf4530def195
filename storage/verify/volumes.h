// Volumes: record files of sealed segments (FORMAT.md, "Volume" and "Segment").
#pragma once

#include <functional>
#include <string>

#include "storage/verify/container.h"
#include "storage/verify/streams.h"

namespace turret::verify {

/// Clear part of a segment, at its place.
struct SegmentAt {
  Place place;
  uint64_t entry;  // The first ledger entry that covers it.
  std::string_view volume_id;
  View sealed;
  std::string_view unit_id;
  std::string_view stream_id;
  uint64_t sequence;
};

/// Checks every volume that the ledger names, and notes each segment in `streams`. `visit`, when given, gets
/// each well-formed segment: full mode opens it.
void CheckVolumes(Scope& scope, Streams& streams, const std::function<void(const SegmentAt&)>& visit);

}  // namespace turret::verify
