#include "storage/verify/verify.h"

#include "fmt/format.h"
#include "storage/verify/books.h"
#include "storage/verify/folder.h"
#include "storage/verify/heads.h"
#include "storage/verify/ledger.h"
#include "storage/verify/streams.h"
#include "storage/verify/volumes.h"

namespace turret::verify {
namespace {

void CheckLedger(const Options& options, const Heads& heads, const LedgerFacts& facts, Report& report) {
  const Place first{.file = "ledger", .entry = 0};
  if (!Equal(options.key, facts.public_key))
    report.Add(first, "the ledger names another signing key than the one given");
  const std::string origin = "turret-recorder/" + Hex(facts.ledger_id);
  for (const Head& head : heads.own)
    if (head.origin != origin) {
      report.Add({.file = "ledger/heads"}, "the signed heads are of another ledger");
      break;
    }
  if (heads.trusted && heads.trusted->origin != origin)
    report.Add({}, "the head that was kept elsewhere is of another ledger");
  if (facts.walk.surplus_bytes > 0 && options.running)
    report.counts.uncovered_bytes += facts.walk.surplus_bytes;
  else if (facts.walk.surplus_bytes > 0)
    report.Add({.file = "ledger", .entry = facts.walk.end},
               fmt::format("{} bytes behind the entry before this one are in no signed head",
                           facts.walk.surplus_bytes));
}

}  // namespace

std::optional<Head> Verify(const Options& options, Report& report) {
  CheckTopLevel(options.archive, report);
  Heads heads{ReadOwnHeads(options.archive, options.key, report), options.trusted};
  if (heads.own.empty()) report.Add({.file = "ledger/heads"}, "holds no head with a good signature");
  const LedgerFacts facts = ReadLedger(options.archive, heads.SizeMax(), heads.Sizes(), report);
  CheckLedger(options, heads, facts, report);
  CheckHeads(heads, facts, report);
  Streams streams;
  CheckBooks(options.archive, facts, options.running, report, nullptr);
  CheckVolumes(options.archive, facts, options.running, streams, report, nullptr);
  streams.CheckChains(report);
  if (heads.own.empty()) return std::nullopt;
  return heads.own.back();
}

}  // namespace turret::verify
