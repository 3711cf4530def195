#include "storage/verify/verify.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "fmt/format.h"
#include "storage/verify/books.h"
#include "storage/verify/folder.h"
#include "storage/verify/heads.h"
#include "storage/verify/keys.h"
#include "storage/verify/ledger.h"
#include "storage/verify/opened.h"
#include "storage/verify/record_reader.h"
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
  if (!options.at_rest)
    report.counts.uncovered_bytes += facts.walk.uncovered_bytes;
  else if (facts.walk.uncovered_bytes > 0)
    report.Add({.file = facts.walk.uncovered_file, .entry = facts.walk.end},
               fmt::format("{} bytes from here on are in no signed head", facts.walk.uncovered_bytes));
}

void CheckClear(Scope& scope) {
  Streams streams;
  CheckBooks(scope, nullptr);
  CheckVolumes(scope, streams, nullptr);
  streams.CheckChains(scope.report);
}

void CheckOpened(Scope& scope, KeyRing& keys) {
  Streams streams;
  CheckBooks(scope, [&](const Place& place, const v1::BookRecord& record) {
    keys.Take(place, record, scope.report);
  });
  OpenedArchive opened(keys, scope.report);
  opened.OpenBodies(scope.archive, scope.facts.walk.end);
  CheckVolumes(scope, streams, [&](const SegmentAt& segment) { opened.OpenSegment(segment); });
  streams.CheckChains(scope.report);
  opened.Finish(streams);
}

// A file may be newer than the head that this run began with: then a head that names it follows at once.
void CheckUnnamed(const Options& options, Scope& scope) {
  constexpr int kAttempts = 20;
  for (int attempt = 0; attempt < kAttempts && !options.at_rest && !scope.unnamed.empty(); ++attempt) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    Report scratch;
    const Heads heads{ReadOwnHeads(options.archive, options.key, options.at_rest, scratch), std::nullopt};
    const LedgerFacts now = ReadLedger(options.archive, heads.SizeMax(), {}, scratch);
    std::erase_if(scope.unnamed, [&](const Unnamed& file) {
      return now.volumes.contains(file.id) || now.books.contains(file.id);
    });
  }
  for (const Unnamed& unnamed : scope.unnamed)
    scope.report.Add({.file = unnamed.file}, fmt::format("no ledger entry names this {}", unnamed.what));
}

// A copy of the key for convenience; trust never comes from here.
void CheckPublicKeyFile(const Options& options, Report& report) {
  const auto files = FilesUnder(options.archive, "ledger", report);
  if (std::ranges::find(files, kPublicKeyFile) == files.end()) return;
  const auto text = ReadWhole(options.archive, kPublicKeyFile, report);
  if (text && *text != PublicKeyPem(options.key))
    report.Add({.file = kPublicKeyFile}, "is not the ledger's public key");
}

}  // namespace

Outcome Verify(const Options& options, Report& report) {
  std::optional<KeyRing> keys;
  if (options.passphrase) keys = KeyRing::Open(options.archive, *options.passphrase, report);
  if (options.passphrase && !keys) return {std::nullopt, false};
  CheckTopLevel(options.archive, report);
  CheckKeyFiles(options.archive, report);
  CheckPublicKeyFile(options, report);
  const Heads heads{ReadOwnHeads(options.archive, options.key, options.at_rest, report), options.trusted};
  if (heads.own.empty()) report.Add({.file = "ledger/heads"}, "there is no head with a good signature");
  const LedgerFacts facts = ReadLedger(options.archive, heads.SizeMax(), heads.Sizes(), report);
  CheckLedger(options, heads, facts, report);
  CheckHeads(heads, facts, report);
  Scope scope{options.archive, facts, options.at_rest, report};
  if (keys)
    CheckOpened(scope, *keys);
  else
    CheckClear(scope);
  CheckUnnamed(options, scope);
  return {heads.own.empty() ? std::nullopt : std::optional(heads.own.back()), true};
}

}  // namespace turret::verify
