// The ledger's blocks: every entry in order, and the tree over them (FORMAT.md, "Ledger").
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "storage/verify/hash.h"
#include "storage/verify/record_reader.h"
#include "storage/verify/report.h"
#include "turret/v1/ledger.pb.h"

namespace turret::verify {

struct Entry {
  uint64_t index;
  Place place;
  View leaf;
  View sealed_body;
};

/// Gives every entry below `end` that the blocks hold, in order. Gaps, broken records and surplus are
/// findings. Returns the index after the last entry; `whole` is false when one was missing in between.
struct LedgerWalk {
  uint64_t end = 0;
  bool whole = true;
  uint64_t surplus_bytes = 0;  // In the last block, from entry `end` on.
};
LedgerWalk ForEachEntry(const std::string& archive, uint64_t end, Report& report,
                        const std::function<void(const Entry&)>& visit);

/// A state of a volume or book, as an entry gives it.
struct State {
  uint64_t entry;
  uint64_t leaves;
  std::string root;
  uint64_t bytes;
  uint64_t tail_bytes;
  std::string tail_digest;
  bool closed;
};
using States = std::map<std::string, std::vector<State>>;  // By volume or book id.

/// What the clear part of the ledger says.
struct LedgerFacts {
  std::string ledger_id;
  std::string public_key;  // That the ledger names as its signer.
  States volumes;
  States books;
  std::map<uint64_t, Hash> roots;  // At the sizes asked for, as far as they could be computed.
  LedgerWalk walk;
};

/// Reads all entries below `end`, checks each leaf by itself and its body's digest, and computes the roots at
/// `sizes`.
LedgerFacts ReadLedger(const std::string& archive, uint64_t end, const std::set<uint64_t>& sizes,
                       Report& report);

}  // namespace turret::verify
