// What volumes and key books have in common: a record file whose Merkle root, length and tail the ledger
// states, again each time it grows.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "storage/verify/ledger.h"
#include "storage/verify/record_reader.h"
#include "storage/verify/report.h"

namespace turret::verify {

struct ContainerRecord {
  uint64_t number;
  Place place;
  View payload;
  uint64_t entry;  // The first ledger entry whose state covers the record.
};

/// A file that no ledger entry named when it was looked at: hidden, or newer than the head that was read.
struct Unnamed {
  std::string file;
  std::string id;
  std::string what;
};

/// What a pass over containers works with.
struct Scope {
  std::string archive;
  const LedgerFacts& facts;
  bool at_rest;
  Report& report;
  std::vector<Unnamed> unnamed = {};
};

/// Reads every record that `states` cover. `leaf` gives a record's leaf hash, and looks at it on the way. A
/// root that does not fit names the records between the last state that fits and the first that does not.
/// Bytes that no state accounts for are a finding when the container is closed or the archive at rest, else
/// they are counted.
void CheckContainer(RecordReader& reader, const std::vector<State>& states, const Scope& scope,
                    const std::function<Hash(const ContainerRecord&)>& leaf);

/// A kind of container: where its files lie, and how a file tells its id.
struct ContainerKind {
  std::string folder;
  std::string_view magic;
  std::string_view what;
  std::function<std::string(const std::string& file)> id_of;
};

/// Each id that the ledger names has a file; each file is named, or is told in `scope`; what fits goes to
/// `visit`. A file without a whole first record is what a crash at its birth leaves: a note.
void ForEachContainer(
    const ContainerKind& kind, const States& states, Scope& scope,
    const std::function<void(RecordReader&, const std::string& id, const std::vector<State>&)>& visit);

}  // namespace turret::verify
