#include "storage/verify/ledger.h"

#include <algorithm>
#include <optional>

#include "fmt/format.h"
#include "storage/verify/folder.h"

namespace turret::verify {
namespace {

constexpr std::string_view kFolder = "ledger/";
constexpr std::string_view kSuffix = ".blk";
constexpr size_t kIdBytes = 16;
constexpr size_t kHashBytes = 32;

struct Block {
  std::string file;
  uint64_t first;
};

std::vector<Block> ListBlocks(const std::string& archive, Report& report) {
  std::vector<Block> blocks;
  for (const std::string& file : FilesUnder(archive, "ledger", report)) {
    if (file == "ledger/heads" || file == "ledger/checkpoint") continue;
    const std::string_view name = std::string_view(file).substr(kFolder.size());
    const auto first =
        name.ends_with(kSuffix) ? Unhex(name.substr(0, name.size() - kSuffix.size())) : std::nullopt;
    if (!first || first->size() != 8)
      report.Add({.file = file}, "is not part of a ledger");
    else
      blocks.push_back({file, BigEndian(*first)});
  }
  std::ranges::sort(blocks, {}, &Block::first);
  return blocks;
}

// Entries of one block, up to index `end`. Returns the index after the last one.
uint64_t ReadBlock(RecordReader& reader, uint64_t first, uint64_t end, Report& report,
                   const std::function<void(const Entry&)>& visit) {
  uint64_t index = first;
  while (index < end) {
    const std::optional<Record> record = reader.Next(reader.size_bytes());
    if (!record) break;
    const Place place{.file = reader.file(),
                      .record = record->number,
                      .offset_bytes = record->offset_bytes,
                      .entry = index};
    if (!record->check_fits) report.Add(place, "the record's check bytes do not fit");
    const uint64_t leaf_bytes = record->payload.size() < 4 ? UINT64_MAX : BigEndian(record->payload.first(4));
    if (leaf_bytes > record->payload.size() - std::min<size_t>(4, record->payload.size())) {
      report.Add(place, "the record is no ledger entry");
      visit({index, place, {}, {}});
    } else {
      visit({index, place, record->payload.subspan(4, leaf_bytes), record->payload.subspan(4 + leaf_bytes)});
    }
    ++index;
  }
  return index;
}

void CheckLeafIds(const v1::Leaf& leaf, const LedgerFacts& facts, const Place& place, Report& report) {
  if (leaf.format_version() != 1)
    report.Add(place, fmt::format("leaf version {} is not known", leaf.format_version()));
  if (leaf.hash_algorithm() != "sha256") report.Add(place, "the leaf's hash algorithm is not known");
  if (leaf.ledger_id() != facts.ledger_id) report.Add(place, "the leaf belongs to another ledger");
  if (leaf.entry_id().size() != kIdBytes) report.Add(place, "the leaf has no entry id");
}

void CheckBodyDigest(const v1::Leaf& leaf, View sealed_body, const Place& place, Report& report) {
  if (sealed_body.empty()) {
    if (!leaf.sealed_body_digest().empty() || !leaf.body_key_id().empty())
      report.Add(place, "the entry's body is missing");
    return;
  }
  if (!Equal(Sha256({sealed_body}), leaf.sealed_body_digest()))
    report.Add(place, "the sealed body's digest does not fit");
  if (leaf.body_opening_digest().size() != kHashBytes || leaf.body_key_id().size() != kIdBytes ||
      leaf.body_book_id().size() != kIdBytes)
    report.Add(place, "the leaf does not say what its body opens to, and with which key");
}

State StateOf(const v1::VolumeState& state, uint64_t entry, bool closed) {
  return {entry, state.leaves(), state.root(), state.bytes(), state.tail_bytes(), state.tail_digest(),
          closed};
}

State StateOf(const v1::BookState& state, uint64_t entry) {
  return {entry,         state.records(),    state.root(),
          state.bytes(), state.tail_bytes(), state.tail_digest(),
          state.closed()};
}

void CollectKind(const v1::Leaf& leaf, uint64_t index, const Place& place, LedgerFacts& facts,
                 Report& report) {
  const bool of_volume = leaf.kind() == v1::VOLUME_EXTENDED || leaf.kind() == v1::VOLUME_CLOSED;
  if (of_volume != leaf.has_volume() || (leaf.kind() == v1::BOOK_EXTENDED) != leaf.has_book())
    report.Add(place, "the leaf's kind and content do not fit");
  if ((leaf.kind() == v1::LEDGER_CREATED) != (index == 0))
    report.Add(place, "only the first entry creates a ledger");
  if (leaf.has_volume())
    facts.volumes[leaf.volume().volume_id()].push_back(
        StateOf(leaf.volume(), index, leaf.kind() == v1::VOLUME_CLOSED));
  if (leaf.has_book()) facts.books[leaf.book().book_id()].push_back(StateOf(leaf.book(), index));
}

}  // namespace

LedgerWalk ForEachEntry(const std::string& archive, uint64_t end, Report& report,
                        const std::function<void(const Entry&)>& visit) {
  LedgerWalk walk;
  const std::vector<Block> blocks = ListBlocks(archive, report);
  for (size_t i = 0; i < blocks.size(); ++i) {
    const bool last = i + 1 == blocks.size();
    if (blocks[i].first > walk.end) {
      report.Add({.file = blocks[i].file, .entry = walk.end, .entry_last = blocks[i].first - 1},
                 "entries before this block are missing");
      walk.whole = false;
    } else if (blocks[i].first < walk.end) {
      report.Add({.file = blocks[i].file, .entry = blocks[i].first}, "the block begins within another one");
    }
    const auto reader = RecordReader::Open(archive, blocks[i].file, "TRTLEDG1", report);
    if (!reader) {
      walk.whole = walk.whole && last;
      continue;
    }
    walk.end =
        ReadBlock(*reader, blocks[i].first, last ? end : std::min(end, blocks[i + 1].first), report, visit);
    const uint64_t surplus = reader->size_bytes() - reader->offset_bytes();
    if (last)
      walk.surplus_bytes = surplus;
    else if (surplus > 0 && walk.end == blocks[i + 1].first)
      report.Note(fmt::format("{}: {} bytes behind entry {} belong to no entry: left by a crash",
                              blocks[i].file, surplus, walk.end - 1));
  }
  return walk;
}

LedgerFacts ReadLedger(const std::string& archive, uint64_t end, const std::set<uint64_t>& sizes,
                       Report& report) {
  LedgerFacts facts;
  MerkleRoot tree;
  uint64_t next = 0;
  facts.walk = ForEachEntry(archive, end, report, [&](const Entry& entry) {
    ++report.counts.entries;
    if (entry.index == next) {
      ++next;
      tree.Append(LeafHash({entry.leaf}));
      if (sizes.contains(tree.leaves())) facts.roots[tree.leaves()] = tree.Root();
    }
    v1::Leaf leaf;
    if (!leaf.ParseFromArray(entry.leaf.data(), static_cast<int>(entry.leaf.size())) || entry.leaf.empty())
      return report.Add(entry.place, "the leaf cannot be parsed");
    if (entry.index == 0) {
      facts.ledger_id = leaf.ledger_id();
      facts.public_key = leaf.public_key();
    }
    CheckLeafIds(leaf, facts, entry.place, report);
    CheckBodyDigest(leaf, entry.sealed_body, entry.place, report);
    CollectKind(leaf, entry.index, entry.place, facts, report);
  });
  return facts;
}

}  // namespace turret::verify
