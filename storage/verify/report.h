// What a run found: each finding names its place. Bounded, so that a wrecked archive still gives a report.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace turret::verify {

inline constexpr size_t kFindingsMax = 200;

/// Where something lies. What does not apply stays empty.
struct Place {
  std::string file;                      // Relative to the archive.
  std::optional<uint64_t> record;        // Number in the file, from 0; in a volume the leaf's number.
  std::optional<uint64_t> offset_bytes;  // In the file.
  std::optional<uint64_t> entry;         // Ledger index; with `entry_last` a range, both inclusive.
  std::optional<uint64_t> entry_last;
  std::string ids;  // "stream … sequence …".
};

struct Finding {
  Place place;
  std::string what;
};

/// What was looked at.
struct Counts {
  uint64_t entries = 0;
  uint64_t heads = 0;
  uint64_t books = 0;
  uint64_t keys = 0;
  uint64_t volumes = 0;
  uint64_t segments = 0;
  uint64_t streams = 0;
  uint64_t bodies_opened = 0;
  uint64_t segments_opened = 0;
  uint64_t uncovered_bytes = 0;  // Newer than the newest head: an archive in use.
};

/// Not thread-safe.
class Report {
 public:
  /// Something is wrong.
  void Add(Place place, std::string what);
  /// Worth telling, and no fault.
  void Note(std::string what);

  bool clean() const { return total_ == 0; }
  uint64_t total() const { return total_; }
  const std::vector<Finding>& findings() const { return findings_; }
  const std::vector<std::string>& notes() const { return notes_; }
  Counts counts;

 private:
  std::vector<Finding> findings_;  // The first kFindingsMax.
  std::vector<std::string> notes_;
  uint64_t total_ = 0;
};

/// "volumes/…/x.vol, record 3, offset 4711, stream …".
std::string ToText(const Place& place);

}  // namespace turret::verify
