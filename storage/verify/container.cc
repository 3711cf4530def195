#include "storage/verify/container.h"

#include <map>

#include "fmt/format.h"
#include "storage/verify/folder.h"

namespace turret::verify {
namespace {

// States only grow, and none follows the closing one.
bool CheckStates(const std::string& file, const std::vector<State>& states, Report& report) {
  bool ok = true;
  for (size_t i = 0; i < states.size(); ++i) {
    const State& now = states[i];
    const bool follows = i == 0 || (!states[i - 1].closed && states[i - 1].tail_bytes == 0 &&
                                    now.leaves >= states[i - 1].leaves && now.bytes >= states[i - 1].bytes);
    if (follows && (now.leaves > 0 || now.closed) && (now.tail_bytes == 0 || now.closed)) continue;
    report.Add({.file = file, .entry = now.entry}, "the state in the entry cannot follow the one before it");
    ok = false;
  }
  return ok;
}

class Walk {
 public:
  Walk(RecordReader& reader, const std::vector<State>& states, Report& report)
      : reader_(reader), states_(states), report_(report) {}

  void Run(const std::function<Hash(const ContainerRecord&)>& leaf) {
    const uint64_t end = states_.back().bytes;
    CompareStates();  // A file given up before anything of it was durable ends with no record at all.
    while (state_ < states_.size() && reader_.offset_bytes() < end) {
      const std::optional<Record> record = reader_.Next(end);
      if (!record) break;
      const Place place{
          .file = reader_.file(), .record = record->number, .offset_bytes = record->offset_bytes};
      if (!record->check_fits) {
        report_.Add(place, "the record's check bytes do not fit");
        if (++broken_ > 1) break;  // Out of step: what follows are no records.
      } else {
        broken_ = 0;
      }
      tree_.Append(leaf({record->number, place, record->payload, states_[state_].entry}));
      CompareStates();
    }
    if (state_ == states_.size()) return;
    report_.Add({.file = reader_.file(),
                 .record = tree_.leaves(),
                 .offset_bytes = reader_.offset_bytes(),
                 .entry = states_[state_].entry},
                WhyShort(end));
  }

 private:
  // Why the records ended before the states did.
  std::string WhyShort(uint64_t end) const {
    if (reader_.size_bytes() < end)
      return fmt::format("the file ends at {}, and the entry states {} bytes", reader_.size_bytes(), end);
    if (reader_.offset_bytes() < end) return "there is no whole record here";
    return fmt::format("{} records fill the bytes of the {} that the entry states", tree_.leaves(),
                       states_[state_].leaves);
  }
  void CompareStates() {
    for (; state_ < states_.size() && states_[state_].leaves == tree_.leaves(); ++state_) {
      const State& state = states_[state_];
      const bool fits = Equal(tree_.Root(), state.root) && reader_.offset_bytes() == state.bytes;
      if (fits) {
        good_leaves_ = tree_.leaves();
      } else if (!told_) {
        told_ = true;
        report_.Add(
            {.file = reader_.file(), .record = good_leaves_, .entry = state.entry},
            fmt::format("records {} to {} are not what the entry states: the root or the length does not fit",
                        good_leaves_, tree_.leaves() - 1));
      }
    }
  }

  RecordReader& reader_;
  const std::vector<State>& states_;
  Report& report_;
  MerkleRoot tree_;
  size_t state_ = 0;  // The next one to compare with.
  uint64_t good_leaves_ = 0;
  int broken_ = 0;
  bool told_ = false;
};

void CheckTail(RecordReader& reader, const State& last, bool at_rest, Report& report) {
  if (reader.size_bytes() < last.bytes) return;  // Told already.
  const uint64_t tail = reader.size_bytes() - last.bytes;
  const Place place{.file = reader.file(), .offset_bytes = last.bytes, .entry = last.entry};
  if (tail == 0 && last.tail_bytes == 0) return;
  if (!last.closed && !at_rest) {
    report.counts.uncovered_bytes += tail;
  } else if (tail != last.tail_bytes) {
    report.Add(place, fmt::format("{} bytes behind the last record, and the entry states {}", tail,
                                  last.tail_bytes));
  } else if (const auto hash = reader.HashFrom(last.bytes); !hash || !Equal(*hash, last.tail_digest)) {
    report.Add(place, "the digest of the bytes behind the last record does not fit");
  }
}

// What a crash at its birth leaves: nothing that could hold anything.
bool IsStillborn(const std::string& archive, const std::string& file, std::string_view magic) {
  Report scratch;
  const auto reader = RecordReader::OpenOrStillborn(archive, file, magic, scratch);
  if (!reader || reader->size_bytes() > kStillbornBytesMax) return false;
  const std::optional<Record> first = reader->Next(reader->size_bytes());
  return !first || !first->check_fits;
}

// A container that holds no record cannot tell its id: the bytes that the ledger states are all that names
// it.
bool FindGivenUp(const ContainerKind& kind, const State& last, Scope& scope) {
  if (last.leaves != 0 || !last.closed) return false;
  return std::erase_if(scope.unnamed, [&](const Unnamed& unnamed) {
           Report scratch;
           const auto reader =
               RecordReader::OpenOrStillborn(scope.archive, unnamed.file, kind.magic, scratch);
           if (!reader || reader->size_bytes() != last.bytes + last.tail_bytes) return false;
           const auto hash = reader->HashFrom(last.bytes);
           return last.tail_bytes == 0 || (hash && Equal(*hash, last.tail_digest));
         }) > 0;
}

void TellMissing(const std::string& id, const State& state, std::string_view what, Report& report) {
  report.Add({.entry = state.entry, .ids = fmt::format("{} {}", what, Hex(id))},
             fmt::format("the {} that the entry names is missing", what));
}

}  // namespace

void CheckContainer(RecordReader& reader, const std::vector<State>& states, const Scope& scope,
                    const std::function<Hash(const ContainerRecord&)>& leaf) {
  CheckStates(reader.file(), states, scope.report);
  Walk(reader, states, scope.report).Run(leaf);
  CheckTail(reader, states.back(), scope.at_rest, scope.report);
}

void ForEachContainer(
    const ContainerKind& kind, const States& states, Scope& scope,
    const std::function<void(RecordReader&, const std::string& id, const std::vector<State>&)>& visit) {
  std::map<std::string, std::string> file_of;
  for (const std::string& file : FilesUnder(scope.archive, kind.folder, scope.report)) {
    const std::string id = kind.id_of(file);
    const auto found = states.find(id);
    if (found == states.end()) {
      scope.unnamed.push_back({file, id, std::string(kind.what)});
    } else if (const auto [other, fresh] = file_of.emplace(id, file); !fresh) {
      scope.report.Add({.file = file},
                       fmt::format("is a second file of the {} in {}", kind.what, other->second));
    } else if (const auto reader = RecordReader::Open(scope.archive, file, kind.magic, scope.report)) {
      visit(*reader, id, found->second);
    }
  }
  bool missing = false;
  for (const auto& [id, of_id] : states)
    if (!file_of.contains(id) && !FindGivenUp(kind, of_id.back(), scope)) {
      TellMissing(id, of_id.front(), kind.what, scope.report);
      missing = true;
    }
  if (missing) return;  // Any file without a name may be the one.
  std::erase_if(scope.unnamed, [&](const Unnamed& unnamed) {
    if (unnamed.what != kind.what || !IsStillborn(scope.archive, unnamed.file, kind.magic)) return false;
    scope.report.Note(fmt::format("{}: holds no record; left by a crash", unnamed.file));
    return true;
  });
}

}  // namespace turret::verify
