#include "storage/verify/ledger.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "fmt/format.h"
#include "storage/verify/folder.h"

namespace turret::verify {
namespace {

constexpr std::string_view kFolder = "ledger/";
constexpr std::string_view kSuffix = ".blk";
constexpr std::string_view kMagic = "TRTLEDG1";
constexpr size_t kIdBytes = 16;
constexpr size_t kHashBytes = 32;

struct Block {
  std::string file;
  uint64_t first;
  uint64_t part;
  auto Order() const { return std::pair(first, part); }
};

// "<first index, 16 hex digits>.blk", or "….<part>.blk".
std::optional<Block> ParseName(const std::string& file) {
  const std::string_view name = std::string_view(file).substr(kFolder.size());
  if (!name.ends_with(kSuffix) || name.size() < 16 + kSuffix.size()) return std::nullopt;
  const auto first = Unhex(name.substr(0, 16));
  std::string_view part = name.substr(16, name.size() - 16 - kSuffix.size());
  Block block{file, first ? BigEndian(*first) : 0, 0};
  if (!part.empty()) {
    part.remove_prefix(1);
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), block.part);
    if (error != std::errc() || block.part == 0) return std::nullopt;
  }
  const std::string number = block.part == 0 ? "" : fmt::format(".{}", block.part);
  if (fmt::format("{}{:016x}{}{}", kFolder, block.first, number, kSuffix) != file) return std::nullopt;
  return block;
}

std::vector<Block> ListBlocks(const std::string& archive, Report& report) {
  std::vector<Block> blocks;
  for (const std::string& file : FilesUnder(archive, "ledger", report)) {
    if (file.starts_with("ledger/heads") || file == "ledger/checkpoint" || file == kPublicKeyFile) continue;
    if (const auto block = ParseName(file))
      blocks.push_back(*block);
    else
      report.Add({.file = file}, "is not part of a ledger");
  }
  std::ranges::sort(blocks, {}, &Block::Order);
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
  if (index < end && reader.offset_bytes() < reader.size_bytes())
    report.Add({.file = reader.file(),
                .record = index - first,
                .offset_bytes = reader.offset_bytes(),
                .entry = index},
               "there is no whole record here");
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
  if ((leaf.kind() == v1::BLOCK_CLOSED) != leaf.has_block())
    report.Add(place, "the leaf's kind and content do not fit");
  if (leaf.has_block())
    facts.blocks[{leaf.block().first_index(), leaf.block().part()}] = {index, leaf.block()};
  if (leaf.has_book()) facts.books[leaf.book().book_id()].push_back(StateOf(leaf.book(), index));
}

}  // namespace

LedgerWalk ForEachEntry(const std::string& archive, uint64_t end, Report& report,
                        const std::function<void(const Entry&)>& visit) {
  LedgerWalk walk;
  const std::vector<Block> blocks = ListBlocks(archive, report);
  for (size_t i = 0; i < blocks.size(); ++i) {
    const Block& block = blocks[i];
    // A block that begins at the end holds nothing signed: neither does it yet close the one before it.
    const bool last = i + 1 == blocks.size() || blocks[i + 1].first >= end;
    const auto reader = RecordReader::OpenOrStillborn(archive, block.file, kMagic, report);
    if (!reader) continue;
    if (block.first >= end && i > 0) {
      walk.uncovered_bytes += reader->size_bytes();
      walk.uncovered_file = block.file;
      continue;
    }
    if (block.first > walk.end)
      report.Add({.file = block.file, .entry = walk.end, .entry_last = block.first - 1},
                 "the entries before this block are missing");
    else if (block.first < walk.end)
      report.Add({.file = block.file, .entry = block.first}, "the block begins within another one");
    walk.end = ReadBlock(*reader, block.first, last ? end : blocks[i + 1].first, report, visit);
    if (last) {
      walk.uncovered_bytes += reader->size_bytes() - reader->offset_bytes();
      walk.uncovered_file = block.file;
    } else {
      walk.closed.push_back({block.file, block.first, block.part, walk.end - block.first,
                             reader->offset_bytes(), reader->size_bytes()});
    }
  }
  return walk;
}

void CheckBlockEnds(const std::string& archive, const LedgerFacts& facts, Report& report) {
  for (const BlockEnd& block : facts.walk.closed) {
    const Place place{.file = block.file, .offset_bytes = block.bytes};
    const auto closed = facts.blocks.find({block.first, block.part});
    if (closed == facts.blocks.end()) {
      if (block.bytes != block.size_bytes)
        report.Add(place, fmt::format("{} bytes behind the last entry are in no entry's account",
                                      block.size_bytes - block.bytes));
      continue;
    }
    const v1::BlockState& state = closed->second.second;
    Place said = place;
    said.entry = closed->second.first;
    const auto reader = RecordReader::OpenOrStillborn(archive, block.file, kMagic, report);
    const auto hash = reader ? reader->HashFrom(block.bytes) : std::nullopt;
    if (state.records() != block.records || state.bytes() != block.bytes ||
        state.tail_bytes() != block.size_bytes - block.bytes)
      report.Add(said, "the block does not end as the entry states");
    else if (state.tail_bytes() > 0 && (!hash || !Equal(*hash, state.tail_digest())))
      report.Add(said, "the digest of the bytes behind the last entry does not fit");
  }
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
