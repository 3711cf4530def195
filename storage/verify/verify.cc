#include "storage/verify/verify.h"

#include "fmt/format.h"
#include "storage/verify/books.h"
#include "storage/verify/folder.h"
#include "storage/verify/heads.h"
#include "storage/verify/keys.h"
#include "storage/verify/ledger.h"
#include "storage/verify/opened.h"
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
  CheckBlockEnds(options.archive, facts, report);
  if (facts.walk.uncovered_bytes > 0 && options.running)
    report.counts.uncovered_bytes += facts.walk.uncovered_bytes;
  else if (facts.walk.uncovered_bytes > 0)
    report.Add({.file = "ledger", .entry = facts.walk.end},
               fmt::format("{} bytes from here on are in no signed head", facts.walk.uncovered_bytes));
}

void CheckClear(const Options& options, const LedgerFacts& facts, Report& report) {
  Streams streams;
  CheckBooks(options.archive, facts, options.running, report, nullptr);
  CheckVolumes(options.archive, facts, options.running, streams, report, nullptr);
  streams.CheckChains(report);
}

void CheckOpened(const Options& options, const LedgerFacts& facts, KeyRing& keys, Report& report) {
  Streams streams;
  CheckBooks(options.archive, facts, options.running, report,
             [&](const Place& place, const v1::BookRecord& record) { keys.Take(place, record, report); });
  OpenedArchive opened(keys, report);
  opened.OpenBodies(options.archive, facts.walk.end);
  CheckVolumes(options.archive, facts, options.running, streams, report,
               [&](const SegmentAt& segment) { opened.OpenSegment(segment); });
  streams.CheckChains(report);
  opened.Finish(streams);
}

}  // namespace

Outcome Verify(const Options& options, Report& report) {
  std::optional<KeyRing> keys;
  if (options.passphrase) keys = KeyRing::Open(options.archive, *options.passphrase, report);
  if (options.passphrase && !keys) return {std::nullopt, false};
  CheckTopLevel(options.archive, report);
  CheckKeyFiles(options.archive, report);
  const Heads heads{ReadOwnHeads(options.archive, options.key, report), options.trusted};
  if (heads.own.empty()) report.Add({.file = "ledger/heads"}, "there is no head with a good signature");
  const LedgerFacts facts = ReadLedger(options.archive, heads.SizeMax(), heads.Sizes(), report);
  CheckLedger(options, heads, facts, report);
  CheckHeads(heads, facts, report);
  if (keys)
    CheckOpened(options, facts, *keys, report);
  else
    CheckClear(options, facts, report);
  return {heads.own.empty() ? std::nullopt : std::optional(heads.own.back()), true};
}

}  // namespace turret::verify
