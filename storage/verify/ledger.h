// The ledger's blocks: every entry in order, and the tree over them (FORMAT.md, "Ledger").
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
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

inline constexpr const char* kPublicKeyFile = "ledger/public.pem";

/// Where the entries of one block ended.
struct BlockEnd {
  std::string file;
  uint64_t first;
  uint64_t part;
  uint64_t records;
  uint64_t bytes;
  uint64_t size_bytes;
};

struct LedgerWalk {
  uint64_t end = 0;              // Index after the last entry.
  std::vector<BlockEnd> closed;  // Blocks that another one follows.
  uint64_t uncovered_bytes = 0;  // From entry `end` on, …
  std::string uncovered_file;    // … in this block.
};

/// Gives every entry below `end` that the blocks hold, in order. Missing entries and broken records are
/// findings.
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
  std::map<std::pair<uint64_t, uint64_t>, std::pair<uint64_t, v1::BlockState>>
      blocks;                      // (first, part) → entry, state.
  std::map<uint64_t, Hash> roots;  // At the sizes asked for, as far as they could be computed.
  LedgerWalk walk;
};

/// Each block that another one follows ends where its last entry does, or as a BLOCK_CLOSED entry accounts
/// for.
void CheckBlockEnds(const std::string& archive, const LedgerFacts& facts, Report& report);

/// Reads all entries below `end`, checks each leaf by itself and its body's digest, and computes the roots at
/// `sizes`.
LedgerFacts ReadLedger(const std::string& archive, uint64_t end, const std::set<uint64_t>& sizes,
                       Report& report);

}  // namespace turret::verify
