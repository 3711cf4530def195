// Streams across volumes: every sequence there once, each naming the hash of the one before it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "storage/verify/hash.h"
#include "storage/verify/report.h"

namespace turret::verify {

struct Link {
  uint64_t sequence;
  Hash hash;         // Of the sealed bytes.
  Hash predecessor;  // As the header names it.
  std::string file;
  uint64_t record;
  uint64_t offset_bytes;
};

/// All segments of an archive, by stream. Not thread-safe. About 150 bytes a segment.
class Streams {
 public:
  void Note(const std::string& stream_id, Link link);
  /// Sequences are whole and chained.
  void CheckChains(Report& report);
  /// Full mode: what the end of a call (or a stream's last progress) states of the stream.
  void CheckEnd(const std::string& stream_id, uint64_t segments, std::string_view last_hash,
                const Place& said_in, Report& report) const;

 private:
  std::map<std::string, std::vector<Link>> streams_;
};

}  // namespace turret::verify
