#include "storage/verify/books.h"

#include "fmt/format.h"

namespace turret::verify {
namespace {

constexpr std::string_view kMagic = "TRTBOOK1";

// The id stands in record 0; empty when that cannot be read.
std::string IdInFile(const std::string& archive, const std::string& file) {
  Report scratch;
  const auto reader = RecordReader::Open(archive, file, kMagic, scratch);
  if (!reader) return "";
  const std::optional<Record> first = reader->Next(reader->size_bytes());
  v1::BookRecord record;
  if (!first || !record.ParseFromArray(first->payload.data(), static_cast<int>(first->payload.size())))
    return "";
  return record.header().book_id();
}

// A further file of a day says where the one before it ends, and so do the ledger's states of that one.
void CheckPrevious(const Place& place, const v1::BookHeader& header, const LedgerFacts& facts,
                   Report& report) {
  if (header.previous_book_id().empty()) return;
  const auto found = facts.books.find(header.previous_book_id());
  if (found == facts.books.end()) {
    if (header.previous_records() > 0) report.Add(place, "no ledger entry names the book before this one");
    return;
  }
  const State& last = found->second.back();
  if (last.leaves != header.previous_records() || last.bytes != header.previous_bytes())
    report.Add(place,
               fmt::format("the book before this one ends elsewhere than entry {} states", last.entry));
}

void CheckHeader(const Place& place, const v1::BookHeader& header, const LedgerFacts& facts, Report& report) {
  if (header.format_version() != 1 || header.hash_algorithm() != "sha256" ||
      header.seal_algorithm() != "hkdf-sha256+aes-256-gcm")
    report.Add(place, "the book's version or algorithms are not known");
  if (header.ledger_id() != facts.ledger_id) report.Add(place, "the book belongs to another ledger");
  const std::string begin = fmt::format("books/{}/{}.", header.book_class(), header.day());
  if (!place.file.starts_with(begin) || !place.file.ends_with(".book"))
    report.Add(place, "the book lies under another class or day than its header names");
  CheckPrevious(place, header, facts, report);
}

void Look(const ContainerRecord& at, const LedgerFacts& facts, Report& report,
          const std::function<void(const Place&, const v1::BookRecord&)>& visit) {
  v1::BookRecord record;
  if (!record.ParseFromArray(at.payload.data(), static_cast<int>(at.payload.size())) ||
      record.has_header() != (at.number == 0) || record.record_case() == v1::BookRecord::RECORD_NOT_SET)
    return report.Add(at.place, "is no record of a key book");
  if (record.has_header()) CheckHeader(at.place, record.header(), facts, report);
  if (record.has_key()) ++report.counts.keys;
  if (visit) visit(at.place, record);
}

}  // namespace

void CheckBooks(Scope& scope, const std::function<void(const Place&, const v1::BookRecord&)>& visit) {
  const auto id_of = [&](const std::string& file) { return IdInFile(scope.archive, file); };
  ForEachContainer({"books", kMagic, "key book", id_of}, scope.facts.books, scope,
                   [&](RecordReader& reader, const std::string&, const std::vector<State>& states) {
                     ++scope.report.counts.books;
                     CheckContainer(reader, states, scope, [&](const ContainerRecord& record) {
                       Look(record, scope.facts, scope.report, visit);
                       return LeafHash({record.payload});
                     });
                   });
}

}  // namespace turret::verify
