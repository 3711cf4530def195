// Ledger entries as the committer would hand them to the index.
#pragma once

#include <string>
#include <vector>

#include "storage/index/index.h"
#include "tests/support/support.h"

namespace turret::test {

inline constexpr int64_t kSecondNs = 1'000'000'000;

/// Collects entries; ids come from a seed.
class Entries {
 public:
  explicit Entries(uint64_t seed) : random_(seed) {}

  template <class IdType>
  IdType Make() {
    return IdType::Make(random_);
  }
  /// Adds the entry of a fact about a call; the caller fills in what it says.
  v1::Fact& AddFact(const CallId& call);
  v1::Fact& AddPresence(const NodeId& node, v1::Interval interval, uint64_t version);
  IndexedEntry& Add(v1::EntryKind kind);
  v1::CallStarted& AddStarted(const CallId& call, int64_t at_ns, const std::vector<LineId>& lines = {});
  v1::CallEnded& AddEnded(const CallId& call, int64_t at_ns);
  v1::EnrolmentChanged& AddEnrolment(uint64_t version, int64_t effective_ns);
  /// One volume extended by one segment of each named (stream, sequence).
  void AddExtended(const VolumeId& volume, const std::vector<std::pair<StreamId, uint64_t>>& segments,
                   bool closed = false);

  std::vector<IndexedEntry>& all() { return all_; }
  absl::Status ApplyTo(Index& index) const { return index.Apply(all_, Digest{}); }

 private:
  SeededRandom random_;
  std::vector<IndexedEntry> all_;
};

v1::Line MakeLine(const LineId& id, const std::string& name, const std::string& trader);
v1::Interval MakeInterval(int64_t begin_ns, int64_t end_ns);
Index::Keys TestIndexKeys();

/// An index in a folder of its own.
struct FreshIndex {
  FreshIndex();
  Index* operator->() { return index.get(); }
  Index& operator*() { return *index; }
  void Reopen();

  TemporaryFolder folder;
  std::unique_ptr<Index> index;
};

/// Every row, as text that can be compared: family, key and value in hex.
std::vector<std::string> Dump(const Index& index);

}  // namespace turret::test
