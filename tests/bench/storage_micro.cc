#include <cstring>

#include "rocksdb/db.h"
#include "storage/base/aead.h"
#include "storage/base/random.h"
#include "storage/index/index.h"
#include "storage/ledger/ledger.h"
#include "storage/segment/segment.h"
#include "tests/bench/micro.h"
#include "tests/support/support.h"

namespace turret::bench {
namespace {

constexpr size_t kSegmentPlaintextBytes = 40'000 + 5'000;  // 5 s of G.711 with its packet table.
constexpr int kEntriesPerCommit = 500;

Buffer RandomBytes(size_t count) {
  Buffer bytes(count);
  SystemRandom().Fill(bytes);
  return bytes;
}

v1::EntryBody CallBody(Random& random) {
  v1::EntryBody body;
  v1::Fact& fact = *body.mutable_fact();
  fact.set_fact_id(FactId::Make(random).ToProto());
  fact.set_call_id(CallId::Make(random).ToProto());
  v1::CallStarted& started = *fact.mutable_call_started();
  started.set_sip_call_id("8f2c0d1e4b6a@turret.example");
  started.set_answered_utc_ns(1'790'000'000'000'000'000);
  started.add_line_ids(LineId::Make(random).ToProto());
  started.set_storage_class("mifid");
  for (const char* name : {"Ada Ashdown", "Marlow Pension"}) {
    v1::Party& party = *started.add_parties();
    party.set_name(name);
    party.set_aor(std::string("sip:") + name[0] + "@bank.example");
  }
  return body;
}

std::vector<IndexedEntry> CallEntries(uint64_t first, int count, Random& random) {
  std::vector<IndexedEntry> entries;
  for (int i = 0; i < count; ++i) {
    IndexedEntry entry{first + static_cast<uint64_t>(i), {}, CallBody(random)};
    entry.leaf.set_kind(v1::CALL);
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

void Seal(benchmark::State& state) {
  SystemRandom random;
  SegmentNames names;
  names.storage_class = "mifid";
  const SecretKey key = SecretKey::Make(random);
  const Buffer plaintext = RandomBytes(kSegmentPlaintextBytes);
  for (auto _ : state) benchmark::DoNotOptimize(SealSegment(names, key, plaintext, random).value().data());
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * plaintext.size()));
}

void RawAesGcm(benchmark::State& state) {
  const Buffer key = RandomBytes(kAeadKeyBytes);
  const Buffer nonce = RandomBytes(kAeadNonceBytes);
  const Buffer plaintext = RandomBytes(kSegmentPlaintextBytes);
  Buffer out;
  for (auto _ : state) {
    out.clear();
    AeadSeal(key, nonce, {}, plaintext, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * plaintext.size()));
}

void LedgerAppend(benchmark::State& state) {
  SystemRandom random;
  SystemClock clock;
  PosixEnvironment environment;
  const test::TemporaryFolder folder;
  auto ledger = Ledger::Open(environment, folder / "ledger", SecretKey::Make(random), clock, random).value();
  const v1::EntryBody body = CallBody(random);
  const SecretKey key = SecretKey::Make(random);
  const SealUnder under{BookId::Make(random), KeyId::Make(random), &key};
  for (auto _ : state) {
    for (int i = 0; i < kEntriesPerCommit; ++i) {
      v1::Leaf leaf;
      leaf.set_kind(v1::CALL);
      if (!ledger->Append(std::move(leaf), &body, under).ok()) state.SkipWithError("append failed");
    }
    if (!ledger->Commit().ok()) state.SkipWithError("commit failed");
  }
  state.SetItemsProcessed(state.iterations() * kEntriesPerCommit);
}

void RawSha256(benchmark::State& state) {
  const Buffer entry = RandomBytes(600);  // A leaf and its sealed body.
  for (auto _ : state)
    for (int i = 0; i < kEntriesPerCommit; ++i) benchmark::DoNotOptimize(Sha256(entry));
  state.SetItemsProcessed(state.iterations() * kEntriesPerCommit);
}

void IndexWrite(benchmark::State& state) {
  SystemRandom random;
  const test::TemporaryFolder folder;
  auto index =
      Index::Open(folder / "index", {.tokens = SecretKey::Make(random), .files = SecretKey::Make(random)})
          .value();
  uint64_t next = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const std::vector<IndexedEntry> entries = CallEntries(next, kEntriesPerCommit, random);
    next += kEntriesPerCommit;
    state.ResumeTiming();
    if (!index->Apply(entries, Digest{}).ok()) state.SkipWithError("apply failed");
  }
  state.SetItemsProcessed(state.iterations() * kEntriesPerCommit);
}

void RawRocksDb(benchmark::State& state) {
  const test::TemporaryFolder folder;
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* raw = nullptr;
  if (!rocksdb::DB::Open(options, folder / "db", &raw).ok()) return state.SkipWithError("open failed");
  const std::unique_ptr<rocksdb::DB> db(raw);
  SystemRandom random;
  const std::string row = CallBody(random).SerializeAsString();
  // A call started is: its row, its fact, and one key each for time, line, trader and two names with numbers
  // a party.
  constexpr int kKeysPerCall = 8;
  for (auto _ : state) {
    state.PauseTiming();
    rocksdb::WriteBatch batch;
    for (int i = 0; i < kEntriesPerCommit; ++i) {
      const Buffer keys = RandomBytes(40 * (kKeysPerCall + 1));
      batch.Put(rocksdb::Slice(reinterpret_cast<const char*>(keys.data()), 40), row);
      for (int k = 1; k <= kKeysPerCall; ++k)
        batch.Put(rocksdb::Slice(reinterpret_cast<const char*>(&keys[40 * static_cast<size_t>(k)]), 40), "");
    }
    state.ResumeTiming();
    if (!db->Write(rocksdb::WriteOptions(), &batch).ok()) state.SkipWithError("write failed");
  }
  state.SetItemsProcessed(state.iterations() * kEntriesPerCommit);
}

void Memcpy(benchmark::State& state) {
  const Buffer from = RandomBytes(172 * 50 * 100);
  Buffer to(from.size());
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * from.size()));
}

}  // namespace turret::bench
