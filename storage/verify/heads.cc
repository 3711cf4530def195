#include "storage/verify/heads.h"

#include <algorithm>

#include "fmt/format.h"
#include "storage/verify/folder.h"
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

// ledger/heads, ledger/heads.1, …
std::vector<std::string> ListParts(const std::string& archive, Report& report) {
  std::vector<std::string> parts;
  Report scratch;
  const std::vector<std::string> files = FilesUnder(archive, "ledger", scratch);
  for (uint64_t part = 0;; ++part) {
    const std::string file = part == 0 ? kHeadsFile : fmt::format("{}.{}", kHeadsFile, part);
    if (std::ranges::find(files, file) == files.end()) break;
    parts.push_back(file);
  }
  for (const std::string& file : files)
    if (file.starts_with(kHeadsFile) && std::ranges::find(parts, file) == parts.end())
      report.Add({.file = file}, "is not part of a ledger");
  return parts;
}

void TakeHead(const Place& place, std::string_view text, const PublicKey& key, std::vector<Head>& heads,
              Report& report) {
  ++report.counts.heads;
  std::string why;
  const std::optional<Head> head = ReadHead(text, key, why);
  if (!head)
    report.Add(place, fmt::format("the tree head {}", why));
  else if (!heads.empty() && (head->size < heads.back().size || head->origin != heads.back().origin))
    report.Add(place, "the tree head does not follow the one before it");
  else
    heads.push_back(*head);
}

enum class Ending { kFollowed, kInUse, kAtRest };

void ReadPart(const std::string& archive, const std::string& file, Ending ending, const PublicKey& key,
              std::vector<Head>& heads, Report& report) {
  const auto reader = RecordReader::OpenOrStillborn(archive, file, "TRTHEAD1", report);
  if (!reader) return;
  uint64_t good_bytes = reader->offset_bytes();
  while (const std::optional<Record> record = reader->Next(reader->size_bytes())) {
    const Place place{.file = file, .record = record->number, .offset_bytes = record->offset_bytes};
    if (!record->check_fits && ending == Ending::kFollowed) break;
    if (!record->check_fits) report.Add(place, "the record's check bytes do not fit");
    const std::string_view text(reinterpret_cast<const char*>(record->payload.data()),
                                record->payload.size());
    TakeHead(place, text, key, heads, report);
    good_bytes = reader->offset_bytes();
  }
  if (good_bytes == reader->size_bytes()) return;
  const std::string what =
      fmt::format("{} bytes behind the last tree head", reader->size_bytes() - good_bytes);
  if (ending == Ending::kAtRest)
    report.Add({.file = file, .offset_bytes = good_bytes}, what + " are no record");
  else if (ending == Ending::kInUse)
    report.counts.uncovered_bytes += reader->size_bytes() - good_bytes;
  else
    report.Note(fmt::format("{}, offset {}: {} were left by a crash", file, good_bytes, what));
}

// Replaced as a whole, so it may lag behind the heads, or be all that is left of a head whose record was
// torn.
void ReadCheckpointFile(const std::string& archive, const PublicKey& key, std::vector<Head>& heads,
                        Report& report) {
  const std::optional<std::string> text = ReadWhole(archive, kCheckpointFile, report);
  if (!text) return;
  std::string why;
  const std::optional<Head> head = ReadHead(*text, key, why);
  if (!head) return report.Add({.file = kCheckpointFile}, fmt::format("the tree head {}", why));
  const auto after = std::ranges::upper_bound(heads, head->size, {}, &Head::size);
  heads.insert(after, *head);
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

std::vector<Head> ReadOwnHeads(const std::string& archive, const PublicKey& key, bool at_rest,
                               Report& report) {
  std::vector<Head> heads;
  const std::vector<std::string> parts = ListParts(archive, report);
  for (const std::string& file : parts) {
    const Ending last = at_rest ? Ending::kAtRest : Ending::kInUse;
    ReadPart(archive, file, file == parts.back() ? last : Ending::kFollowed, key, heads, report);
  }
  ReadCheckpointFile(archive, key, heads, report);
  return heads;
}

void CheckHeads(const Heads& heads, const LedgerFacts& facts, Report& report) {
  uint64_t fits_below = 0;
  const Head* misfit = nullptr;
  for (const Head& head : heads.own) {
    if (!Fits(head, facts)) {
      misfit = &head;
      break;
    }
    fits_below = head.size;
  }
  if (misfit != nullptr) NameRange(*misfit, fits_below, facts, "the archive's own signed head", report);
  if (!heads.trusted || Fits(*heads.trusted, facts)) return;
  // Own heads that all fit say nothing of where a rewrite began: whoever rewrote the entries signed them,
  // too.
  const bool shortened = misfit == nullptr && heads.trusted->size > facts.walk.end;
  const uint64_t first = shortened           ? facts.walk.end
                         : misfit != nullptr ? std::min(fits_below, heads.trusted->size)
                                             : 0;
  NameRange(*heads.trusted, first, facts, "the head that was kept elsewhere", report);
}

}  // namespace turret::verify
