// The column families of the index; index.h tells what each holds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace turret::index {

enum class Family : uint8_t {
  kMeta,
  kCalls,
  kByTime,
  kByLine,
  kByTrader,
  kByParty,
  kRunning,
  kStreams,
  kPositions,
  kPlacements,
  kFacts,
  kVolumes,
  kPresence,
  kLongest,
  kEnrolment,
  kLines,
  kLineNames,
};

struct FamilyTraits {
  const char* name;
  bool scanned_by_id;  // Read in ranges behind an id or token of 16 bytes: gets a prefix bloom filter.
};

/// In the order of Family. RocksDB wants one that is called "default": it stays empty and is not listed.
inline constexpr std::array kFamilies = {
    FamilyTraits{"meta", false},      FamilyTraits{"calls", false},      FamilyTraits{"by_time", false},
    FamilyTraits{"by_line", true},    FamilyTraits{"by_trader", true},   FamilyTraits{"by_party", true},
    FamilyTraits{"running", true},    FamilyTraits{"streams", false},    FamilyTraits{"positions", false},
    FamilyTraits{"placements", true}, FamilyTraits{"facts", false},      FamilyTraits{"volumes", false},
    FamilyTraits{"presence", false},  FamilyTraits{"longest", false},    FamilyTraits{"enrolment", false},
    FamilyTraits{"lines", false},     FamilyTraits{"line_names", false},
};
inline constexpr size_t kFamilyCount = kFamilies.size();
static_assert(static_cast<size_t>(Family::kLineNames) + 1 == kFamilyCount);

}  // namespace turret::index
