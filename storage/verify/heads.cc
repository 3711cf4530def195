#include "storage/verify/heads.h"

#include <algorithm>

#include "fmt/format.h"
#include "storage/verify/record_reader.h"

namespace turret::verify {
namespace {

constexpr const char* kHeadsFile = "ledger/heads";
constexpr const char* kCheckpointFile = "ledger/checkpoint";

bool Fits(const Head& head, const LedgerFacts& facts) {
  if (head.size == 0) return head.root == Sha256({});
  const auto root = facts.roots.find(head.size);
  return root != facts.roots.end() && root->second == head.root;
}

// Names the entries between the last head that fits and the first that does not.
void NameRange(const Head& misfit, uint64_t fits_below, const LedgerFacts& facts, std::string_view whose,
               Report& report) {
  const uint64_t last = std::max(misfit.size, fits_below + 1) - 1;
  const bool known = facts.roots.contains(misfit.size);
  report.Add({.file = "ledger", .entry = fits_below, .entry_last = last},
             fmt::format("{} of size {} {}: an entry in this range was altered, dropped or put in", whose,
                         misfit.size, known ? "does not fit" : "covers entries that are not there"));
}

void CheckCheckpointFile(const std::string& archive, const std::vector<std::string>& texts, Report& report) {
  const std::optional<std::string> text = ReadWhole(archive, kCheckpointFile, report);
  if (text && std::ranges::find(texts, *text) == texts.end())
    report.Add({.file = kCheckpointFile}, "is none of the signed heads in ledger/heads");
}

}  // namespace

uint64_t Heads::SizeMax() const {
  uint64_t size = trusted ? trusted->size : 0;
  for (const Head& head : own) size = std::max(size, head.size);
  return size;
}

std::set<uint64_t> Heads::Sizes() const {
  std::set<uint64_t> sizes;
  for (const Head& head : own) sizes.insert(head.size);
  if (trusted) sizes.insert(trusted->size);
  return sizes;
}

std::vector<Head> ReadOwnHeads(const std::string& archive, const PublicKey& key, Report& report) {
  std::vector<Head> heads;
  std::vector<std::string> texts;
  const auto reader = RecordReader::Open(archive, kHeadsFile, "TRTHEAD1", report);
  if (!reader) return heads;
  while (const std::optional<Record> record = reader->Next(reader->size_bytes())) {
    const Place place{.file = kHeadsFile, .record = record->number, .offset_bytes = record->offset_bytes};
    if (!record->check_fits) report.Add(place, "the record's check bytes do not fit");
    texts.emplace_back(record->payload.begin(), record->payload.end());
    std::string why;
    const std::optional<Head> head = ReadHead(texts.back(), key, why);
    if (!head)
      report.Add(place, fmt::format("the tree head {}", why));
    else if (!heads.empty() && (head->size < heads.back().size || head->origin != heads.back().origin))
      report.Add(place, "the tree head does not follow the one before it");
    else
      heads.push_back(*head);
    ++report.counts.heads;
  }
  if (reader->offset_bytes() < reader->size_bytes())
    report.Add({.file = kHeadsFile, .offset_bytes = reader->offset_bytes()},
               fmt::format("{} bytes are no record", reader->size_bytes() - reader->offset_bytes()));
  CheckCheckpointFile(archive, texts, report);
  return heads;
}

void CheckHeads(const Heads& heads, const LedgerFacts& facts, Report& report) {
  uint64_t fits_below = 0;
  bool own_fit = true;
  for (const Head& head : heads.own) {
    if (!Fits(head, facts)) {
      NameRange(head, fits_below, facts, "the archive's own signed head", report);
      own_fit = false;
      break;
    }
    fits_below = head.size;
  }
  if (!heads.trusted || Fits(*heads.trusted, facts)) return;
  uint64_t trusted_below = 0;
  for (const Head& head : heads.own)
    if (!own_fit && head.size <= std::min(fits_below, heads.trusted->size)) trusted_below = head.size;
  const bool short_of = heads.trusted->size > facts.walk.end;
  NameRange(*heads.trusted, short_of && own_fit ? facts.walk.end : trusted_below, facts,
            "the head that was kept elsewhere", report);
}

}  // namespace turret::verify
