// Names of ledger blocks and head files. Part 0 has no number.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace turret {

struct BlockName {
  uint64_t first_index = 0;  // Of the block's first entry.
  uint32_t part = 0;         // Grows when a block of the same first index is given up.
  auto operator<=>(const BlockName&) const = default;
};

/// "<first index, 16 hex digits>.blk", "<first index>.1.blk", …
std::string FileNameOf(const BlockName& name);
/// Nullopt for anything that FileNameOf does not write.
std::optional<BlockName> ParseBlockName(const std::string& file_name);

/// "heads", "heads.1", …
std::string HeadsFileName(uint32_t part);
std::optional<uint32_t> ParseHeadsFileName(const std::string& file_name);

}  // namespace turret
