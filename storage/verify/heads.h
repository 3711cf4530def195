// Compares signed tree heads with the ledger: the one kept elsewhere, and all that the archive kept itself.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "storage/verify/checkpoint.h"
#include "storage/verify/ledger.h"
#include "storage/verify/report.h"

namespace turret::verify {

struct Heads {
  std::vector<Head> own;        // ledger/heads* and ledger/checkpoint, by size.
  std::optional<Head> trusted;  // Kept elsewhere.

  /// Of the newest head, trusted or own: entries up to here are signed.
  uint64_t SizeMax() const;
  std::set<uint64_t> Sizes() const;
};

/// Reads ledger/heads* and ledger/checkpoint; every signature is checked. A record that is not whole at the
/// very end is being written, unless the archive is at rest.
std::vector<Head> ReadOwnHeads(const std::string& archive, const PublicKey& key, bool at_rest,
                               Report& report);

/// Every head's root against the root of the entries as they are now. Where one does not fit, the first such
/// head bounds the range of entries that were altered, dropped or put in.
void CheckHeads(const Heads& heads, const LedgerFacts& facts, Report& report);

}  // namespace turret::verify
