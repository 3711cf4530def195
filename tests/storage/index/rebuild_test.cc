#include <random>

#include "fmt/format.h"
#include "gmock/gmock.h"
#include "tests/storage/index/entries.h"

namespace turret::test {
namespace {

/// A floor's ledger with every kind of entry, facts in any order.
std::vector<IndexedEntry> RandomLedger(uint64_t seed, size_t count) {
  std::mt19937_64 random(seed);
  Entries entries(seed);
  std::vector<CallId> calls;
  std::vector<StreamId> streams;
  std::vector<VolumeId> volumes;
  std::vector<LineId> lines;
  std::vector<uint64_t> next_sequence;
  for (int n = 0; n < 8; ++n) calls.push_back(entries.Make<CallId>());
  for (int n = 0; n < 8; ++n) streams.push_back(entries.Make<StreamId>());
  for (int n = 0; n < 3; ++n) volumes.push_back(entries.Make<VolumeId>());
  for (int n = 0; n < 4; ++n) lines.push_back(entries.Make<LineId>());
  next_sequence.resize(streams.size());
  const auto pick = [&](const auto& from) { return from[random() % from.size()]; };
  const auto time = [&] { return static_cast<int64_t>(random() % 1'000'000); };
  uint64_t version = 0;
  while (entries.all().size() < count) {
    switch (random() % 10) {
      case 0: {
        v1::CallStarted& started = entries.AddStarted(pick(calls), time(), {pick(lines)});
        started.add_parties()->set_name(fmt::format("Party {}", random() % 5));
        break;
      }
      case 1:
        entries.AddEnded(pick(calls), time()).add_streams()->set_stream_id(pick(streams).ToProto());
        break;
      case 2: {
        v1::StreamOpened& opened = *entries.AddFact(pick(calls)).mutable_stream_opened();
        opened.set_stream_id(pick(streams).ToProto());
        opened.add_channels()->set_line_id(pick(lines).ToProto());
        break;
      }
      case 3: {
        v1::StreamProgress& progress = *entries.AddFact(pick(calls)).mutable_stream_progress();
        progress.set_stream_id(pick(streams).ToProto());
        for (const char* reason : {"too_short", "bad_version", "wrong_payload"})
          (*progress.mutable_counts()->mutable_dropped())[reason] = random() % 9;
        break;
      }
      case 4:
        *entries.AddFact(pick(calls)).mutable_gap()->mutable_interval() = MakeInterval(time(), time());
        break;
      case 5:
        entries.AddFact(pick(calls)).mutable_call_updated()->add_parties()->set_aor("sip:x@y");
        break;
      case 6: {
        v1::Fact& fact = entries.AddPresence(entries.Make<NodeId>(), MakeInterval(time(), time()), version);
        (*fact.mutable_presence()->mutable_refused())["busy"] = 3;
        (*fact.mutable_presence()->mutable_refused())["no_ports"] = 4;
        break;
      }
      case 7: {
        v1::EnrolmentChanged& enrolment = entries.AddEnrolment(++version, time());
        for (const LineId& line : lines)
          if (random() % 4 != 0)
            *enrolment.add_lines() = MakeLine(line, line.ToHex(), fmt::format("Trader {}", random() % 3));
        break;
      }
      case 8: {
        const size_t stream = random() % streams.size();
        entries.AddExtended(pick(volumes), {{streams[stream], next_sequence[stream]++}}, random() % 8 == 0);
        break;
      }
      case 9: {  // A fact that came twice.
        if (entries.all().empty()) break;
        IndexedEntry again = pick(entries.all());
        again.index = entries.all().size();
        entries.all().push_back(again);
        break;
      }
    }
  }
  return entries.all();
}

Digest RootOf(const std::vector<IndexedEntry>& ledger) { return Digest{static_cast<uint8_t>(ledger.size())}; }

TEST(IndexRebuild, RowsAreTheSameHoweverEntriesWereBatched) {
  const uint64_t seed = Seed(3);
  SCOPED_TRACE(SeedTrace(seed));
  for (uint64_t round = 0; round < 4; ++round) {
    const std::vector<IndexedEntry> ledger = RandomLedger(seed + round, 400);
    FreshIndex whole;
    ASSERT_TRUE(whole->Apply(ledger, RootOf(ledger)).ok());
    const std::vector<std::string> want = Dump(*whole);
    ASSERT_GT(want.size(), 400U);
    for (const size_t batch_max : {size_t{1}, size_t{7}, size_t{100}}) {
      std::mt19937_64 random(seed + round);
      FreshIndex index;
      for (size_t begin = 0; begin < ledger.size();) {
        const size_t end = std::min(ledger.size(), begin + 1 + random() % batch_max);
        // What a crash lets the committer hand over again is skipped.
        const size_t again = begin - std::min(begin, random() % 3);
        ASSERT_TRUE(index->Apply({ledger.begin() + again, ledger.begin() + end}, RootOf(ledger)).ok());
        begin = end;
        if (random() % 150 == 0) index.Reopen();
      }
      ASSERT_EQ(index->Position(), ledger.size());
      EXPECT_EQ(Dump(*index), want) << "round " << round << ", batches of up to " << batch_max;
    }
  }
}

TEST(IndexRebuild, EntryThatWouldBeLeftOutIsRefusedAndNothingIsApplied) {
  const std::vector<IndexedEntry> ledger = RandomLedger(4, 10);
  FreshIndex index;
  ASSERT_TRUE(index->Apply({ledger.begin(), ledger.begin() + 3}, Digest{}).ok());
  const std::vector<std::string> before = Dump(*index);
  EXPECT_TRUE(absl::IsFailedPrecondition(index->Apply({ledger.begin() + 4, ledger.end()}, Digest{})));
  EXPECT_EQ(index->Position(), 3U);
  EXPECT_EQ(Dump(*index), before);
}

TEST(IndexRebuild, PositionSurvivesReopening) {
  const std::vector<IndexedEntry> ledger = RandomLedger(5, 50);
  FreshIndex index;
  EXPECT_EQ(index->Position(), 0U);
  ASSERT_TRUE(index->Apply(ledger, RootOf(ledger)).ok());
  const std::vector<std::string> before = Dump(*index);
  index.Reopen();
  EXPECT_EQ(index->Position(), 50U);
  EXPECT_EQ(Dump(*index), before);
}

TEST(IndexRebuild, IndexThatIsOpenElsewhereIsUnavailable) {
  FreshIndex index;
  EXPECT_TRUE(absl::IsUnavailable(Index::Open(index.folder / "index", TestIndexKeys()).status()));
}

}  // namespace
}  // namespace turret::test
