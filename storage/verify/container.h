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

/// Reads every record that `states` cover. `leaf` gives a record's leaf hash, and looks at it on the way. A
/// root that does not fit names the records between the last state that fits and the first that does not.
/// Bytes that no state accounts for are a finding; with `running` they are only counted, while the container
/// is not closed.
void CheckContainer(RecordReader& reader, const std::vector<State>& states, bool running, Report& report,
                    const std::function<Hash(const ContainerRecord&)>& leaf);

/// A kind of container: where its files lie, and how a file tells its id.
struct ContainerKind {
  std::string archive;
  std::string folder;
  std::string_view magic;
  std::string_view what;
  std::function<std::string(const std::string& file)> id_of;
};

/// Each id that the ledger names has a file, and each file is named; what fits goes to `visit`. A file
/// without a whole first record is what a crash at its birth leaves: a note.
void ForEachContainer(
    const ContainerKind& kind, const States& states, bool running, Report& report,
    const std::function<void(RecordReader&, const std::string& id, const std::vector<State>&)>& visit);

}  // namespace turret::verify
