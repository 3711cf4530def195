#include "coordinator/ingest/archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"
#include "storage/ledger/checkpoint.h"
#include "storage/segment/segment_plaintext.h"
#include "tests/coordinator/ingest/archive_fixture.h"
#include "tests/monitoring/scrape.h"

namespace turret::coordinator {
namespace {

using test::Answer;
using test::FakeCall;
using test::FakeNode;
using test::SubmitAndWait;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ArchiveTest : public test::ArchiveFixture {
 protected:
  void SetUp() override { OpenOrDie(); }

  static std::string OnlyFileUnder(const std::string& folder) {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.is_regular_file()) files.push_back(entry.path());
    EXPECT_THAT(files, ::testing::SizeIs(1));
    return files.front();
  }
  void FlipLastBit(const std::string& path) {
    posix_.Protect(path, Protection::kNone).IgnoreError();  // Not every file system knows it.
    Buffer bytes = posix_.ReadAll(path).value();
    bytes.back() ^= 1;
    ASSERT_TRUE(posix_.WriteAtomically(path, bytes).ok());
  }

  ItemOutcome Submit(const FakeNode& node, v1::ReplicateRequest item) {
    const Answer answer = SubmitAndWait(*archive_, node.id(), {std::move(item)});
    EXPECT_TRUE(answer.status.ok()) << answer.status;
    return answer.outcomes.empty() ? ItemOutcome{} : answer.outcomes[0];
  }
  void ExpectRefused(const ItemOutcome& outcome, v1::Refusal::Reason reason) {
    EXPECT_EQ(outcome.kind, ItemOutcome::kRefused);
    EXPECT_EQ(v1::Refusal::Reason_Name(outcome.reason), v1::Refusal::Reason_Name(reason)) << outcome.message;
  }
};

TEST_F(ArchiveTest, AWholeCallIsKeptAndEverySegmentOpensAgain) {
  FakeNode node = MakeNode();
  FakeCall call = node.NewCall();
  StoreAll(node, {node.Unit(call), node.Started(call), node.StreamOpened(call), node.Segment(call),
                  node.Segment(call), node.GapOf(call, v1::GAP_CAUSE_PACKET_LOSS), node.Ended(call)});
  const auto row = archive_->index().Call(call.call);
  ASSERT_TRUE(row.ok()) << row.status();
  EXPECT_EQ(row->started().parties(0).name(), "Clara Client");
  EXPECT_EQ(row->gaps_size(), 1);
  EXPECT_TRUE(row->has_ended());
  const auto placed = archive_->index().Placements(call.stream);
  ASSERT_TRUE(placed.ok()) << placed.status();
  ASSERT_EQ(placed->size(), 2u);
  for (const Index::Placed& one : *placed) {
    const auto plaintext = archive_->OpenSegmentAt(one);
    ASSERT_TRUE(plaintext.ok()) << plaintext.status();
    EXPECT_EQ(ParsePlaintext(*plaintext)->body.call_id(), call.call.ToProto());
  }
  EXPECT_EQ((*placed)[1].placement.first_timestamp(), 50 * 160);
  EXPECT_EQ((*placed)[1].placement.end_timestamp(), 100 * 160);
  EXPECT_EQ((*placed)[1].placement.end_sequence(), 100u);
}

TEST_F(ArchiveTest, TheHeadOfAnAcknowledgementIsSignedAndCoversTheItems) {
  FakeNode node = MakeNode();
  const uint64_t before = archive_->ledger().Head().size();
  const Answer answer = SubmitAndWait(*archive_, node.id(), {node.Presence()});
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_GT(answer.head.size(), before);
  const auto checkpoint = ReadCheckpoint(answer.head.checkpoint(), archive_->ledger().public_key());
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->size, answer.head.size());
}

TEST_F(ArchiveTest, TheSameItemsAgainAreRepetitionsAndAreStoredOnce) {
  FakeNode node = MakeNode();
  FakeCall call = node.NewCall();
  const std::vector<v1::ReplicateRequest> items = {node.Unit(call),    node.Started(call), node.Segment(call),
                                                   node.Segment(call), node.Ended(call),   node.Presence()};
  StoreAll(node, items);
  const uint64_t size = archive_->ledger().Head().size();
  const Answer again = SubmitAndWait(*archive_, node.id(), items);
  ASSERT_TRUE(again.status.ok()) << again.status;
  for (const ItemOutcome& outcome : again.outcomes) EXPECT_EQ(outcome.kind, ItemOutcome::kRepeated);
  EXPECT_EQ(archive_->ledger().Head().size(), size);
  EXPECT_EQ(again.head.size(), size);
  EXPECT_EQ(archive_->index().Placements(call.stream)->size(), 2u);
}

TEST_F(ArchiveTest, ItemsTwiceInOneBatchAreStoredOnce) {
  FakeNode node = MakeNode();
  FakeCall call = node.NewCall();
  const v1::ReplicateRequest unit = node.Unit(call);
  const v1::ReplicateRequest segment = node.Segment(call);
  const v1::ReplicateRequest started = node.Started(call);
  const Answer answer = SubmitAndWait(*archive_, node.id(), {unit, unit, started, segment, segment, started});
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_EQ(answer.outcomes[1].kind, ItemOutcome::kRepeated);
  EXPECT_EQ(answer.outcomes[4].kind, ItemOutcome::kRepeated);
  EXPECT_EQ(answer.outcomes[5].kind, ItemOutcome::kRepeated);
  EXPECT_EQ(archive_->index().Placements(call.stream)->size(), 1u);
}

TEST_F(ArchiveTest, TheSameIdWithOtherContentIsRefusedAsAConflict) {
  FakeNode node = MakeNode();
  FakeCall call = node.NewCall();
  FakeCall twin = node.NewCall();
  twin.call = call.call;
  twin.unit = call.unit;
  twin.stream = call.stream;
  v1::ReplicateRequest started = node.Started(call);
  StoreAll(node, {node.Unit(call), started, node.Segment(call)});
  ExpectRefused(Submit(node, node.Unit(twin)), v1::Refusal::HASH_CONFLICT);
  twin.unit_key = call.unit_key.Clone();
  ExpectRefused(Submit(node, node.Segment(twin)), v1::Refusal::HASH_CONFLICT);
  started.mutable_fact()->mutable_call_started()->mutable_parties(0)->set_name("Somebody Else");
  ExpectRefused(Submit(node, started), v1::Refusal::HASH_CONFLICT);
}

TEST_F(ArchiveTest, WhatCannotBeTakenIsRefusedWithItsReasonAndTheRestIsStored) {
  FakeNode node = MakeNode();
  FakeCall call = node.NewCall();
  FakeCall unknown = node.NewCall();
  v1::ReplicateRequest garbage;
  garbage.mutable_segment()->set_sealed("TSEG");
  v1::ReplicateRequest wrong_key = node.Unit(call);
  wrong_key.mutable_unit()->set_intake_key_id(std::string(16, 'x'));
  v1::ReplicateRequest reserved = FakeNode(random_, *archive_->MakeWelcome(), "access").Unit(unknown);
  v1::ReplicateRequest flipped = node.Segment(call);
  call.segments = 0, call.last_hash = {};
  flipped.mutable_segment()->mutable_sealed()->back() ^= 1;
  const v1::ReplicateRequest first = node.Segment(call);
  const v1::ReplicateRequest second = node.Segment(call);
  const v1::ReplicateRequest third = node.Segment(call);
  v1::ReplicateRequest no_id = node.Started(call);
  no_id.mutable_fact()->set_fact_id("short");

  const Answer answer = SubmitAndWait(*archive_, node.id(),
                                      {garbage, wrong_key, reserved, node.Segment(unknown), node.Unit(call),
                                       flipped, first, third, second, no_id, node.Presence()});
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  ExpectRefused(answer.outcomes[0], v1::Refusal::MALFORMED);
  ExpectRefused(answer.outcomes[1], v1::Refusal::UNKNOWN_INTAKE_KEY);
  ExpectRefused(answer.outcomes[2], v1::Refusal::MALFORMED);
  ExpectRefused(answer.outcomes[3], v1::Refusal::UNKNOWN_UNIT);
  EXPECT_EQ(answer.outcomes[4].kind, ItemOutcome::kStored);
  ExpectRefused(answer.outcomes[5], v1::Refusal::DOES_NOT_OPEN);
  EXPECT_EQ(answer.outcomes[6].kind, ItemOutcome::kStored);
  ExpectRefused(answer.outcomes[7], v1::Refusal::BROKEN_CHAIN);
  EXPECT_EQ(answer.outcomes[8].kind, ItemOutcome::kStored);
  ExpectRefused(answer.outcomes[9], v1::Refusal::MALFORMED);
  EXPECT_EQ(answer.outcomes[10].kind, ItemOutcome::kStored);
  EXPECT_EQ(archive_->index().Placements(call.stream)->size(), 2u);
}

TEST_F(ArchiveTest, ASegmentOfAnotherLedgerOrClassIsRefused) {
  FakeNode node = MakeNode();
  FakeCall call = node.NewCall();
  StoreAll(node, {node.Unit(call)});
  v1::Welcome other = *archive_->MakeWelcome();
  other.set_ledger_id(std::string(16, 'x'));
  FakeNode stranger(random_, other);
  ExpectRefused(Submit(node, stranger.Segment(call)), v1::Refusal::MALFORMED);
  call.segments = 0, call.last_hash = {};
  FakeNode other_class(random_, *archive_->MakeWelcome(), "gdpr");
  ExpectRefused(Submit(node, other_class.Segment(call)), v1::Refusal::MALFORMED);
}

// C09: facts whose call never started are kept, under the orphans' class.
TEST_F(ArchiveTest, FactsOfACallThatNeverStartedAreKept) {
  FakeNode node = MakeNode();
  FakeCall call = node.NewCall();
  StoreAll(node, {node.GapOf(call, v1::GAP_CAUSE_NO_MEDIA)});
  EXPECT_EQ(archive_->index().Call(call.call)->gaps_size(), 1);
}

TEST_F(ArchiveTest, ALeafShowsNoNameAndItsBodyOpensWithItsKey) {
  FakeNode node = MakeNode();
  FakeCall call = node.NewCall();
  StoreAll(node, {node.Unit(call), node.Started(call)});
  bool found = false;
  for (uint64_t at = 0; at < archive_->ledger().Head().size(); ++at) {
    const auto entry = archive_->ReadEntry(at);
    ASSERT_TRUE(entry.ok()) << entry.status();
    EXPECT_EQ(entry->leaf.SerializeAsString().find("Clara"), std::string::npos);
    if (!entry->body || !entry->body->fact().has_call_started()) continue;
    found = true;
    EXPECT_EQ(entry->leaf.kind(), v1::CALL);
    EXPECT_EQ(entry->leaf.body_key_id(), call.call.ToProto());
    EXPECT_EQ(entry->body->node_id(), node.id().ToProto());
  }
  EXPECT_TRUE(found);
}

TEST_F(ArchiveTest, ARecordIsDurableAndReadableUnderItsIndex) {
  v1::EntryBody body;
  body.mutable_accessed()->set_reason("audit");
  const auto index = archive_->Record(v1::RESTRICTED, "access", body);
  ASSERT_TRUE(index.ok()) << index.status();
  const auto entry = archive_->ReadEntry(*index);
  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->leaf.kind(), v1::RESTRICTED);
  EXPECT_EQ(entry->body->accessed().reason(), "audit");
}

TEST_F(ArchiveTest, ANewEnrolmentIsOneEntryAndIsToldInTheNextWelcome) {
  int told = 0;
  archive_->OnWelcomeChanged([&] { ++told; });
  const auto document = ParseEnrolment(
      "orphans: { storage_class: mifid, rules: [mifid7] }\nlines:\n  - name: a\n    trader: Ada\n    desk: "
      "D\n"
      "    storage_class: mifid\n    rules: [mifid5]\n    match: [ { aor: x } ]\n");
  const uint64_t size = archive_->ledger().Head().size();
  const auto first = archive_->Enrol(*document);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->version(), 1u);
  EXPECT_EQ(archive_->Enrol(*document)->version(), 1u);
  EXPECT_EQ(told, 1);
  EXPECT_LE(archive_->ledger().Head().size(), size + 2);  // The entry, and one for a new coverage book.
  EXPECT_EQ(archive_->MakeWelcome()->enrolment().lines(0).name(), "a");
  archive_->OnWelcomeChanged(nullptr);
  archive_.reset();
  OpenOrDie();
  EXPECT_EQ(archive_->enrolment().version(), 1u);
  EXPECT_EQ(archive_->enrolment().lines(0).line_id(), first->lines(0).line_id());
}

TEST_F(ArchiveTest, IntakeKeysOfTheDaysAroundAreToldAndEachHasOneEntry) {
  const auto count_entries = [&] {
    int entries = 0;
    for (uint64_t at = 0; at < archive_->ledger().Head().size(); ++at)
      entries += archive_->ReadEntry(at)->leaf.kind() == v1::INTAKE_KEY;
    return entries;
  };
  const int told = archive_->MakeWelcome()->intake_keys_size();
  EXPECT_EQ(told, 8);
  EXPECT_EQ(count_entries(), told);
  archive_.reset();
  OpenOrDie();
  EXPECT_EQ(count_entries(), told);
  clock_.Advance(absl::Hours(24));
  FakeNode node = MakeNode();
  StoreAll(node, {node.Presence()});
  EXPECT_EQ(count_entries(), told + 1);
  EXPECT_EQ(archive_->MakeWelcome()->intake_keys(0).day(), UtcDay(clock_.Utc() - absl::Hours(24)));
}

TEST_F(ArchiveTest, ResumeTellsHowFarEachStreamIsHeld) {
  FakeNode node = MakeNode();
  FakeCall call = node.NewCall();
  StoreAll(node, {node.Unit(call), node.Segment(call), node.Segment(call)});
  v1::ResumeQuery query;
  query.add_stream_ids(call.stream.ToProto());
  query.add_stream_ids(StreamId::Make(random_).ToProto());
  const auto answer = archive_->Resume(query);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->positions(0).segments(), 2u);
  EXPECT_EQ(answer->positions(0).last_segment_hash(), ToString(call.last_hash));
  EXPECT_EQ(answer->positions(0).end_sequence(), 100u);
  EXPECT_EQ(answer->positions(1).segments(), 0u);
}

TEST_F(ArchiveTest, TheRunningIndexEqualsOneThatIsRebuilt) {
  FakeNode node = MakeNode();
  for (int i = 0; i < 5; ++i) {
    FakeCall call = node.NewCall();
    StoreAll(node, {node.Unit(call), node.Started(call), node.StreamOpened(call), node.Segment(call)});
    StoreAll(node, {node.Segment(call), node.Ended(call), node.Presence()});
  }
  const auto report = archive_->CheckIndex(folder_ / "rebuilt");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->entries(), archive_->ledger().Head().size());
  EXPECT_GT(report->rows(), 20u);
  EXPECT_THAT(report->differences(), ::testing::IsEmpty());
}

TEST_F(ArchiveTest, VolumesCloseAfterFifteenMinutesAndAtTheEnd) {
  FakeNode node = MakeNode();
  FakeCall call = node.NewCall();
  StoreAll(node, {node.Unit(call), node.Segment(call)});
  const VolumeId first = archive_->index().Placements(call.stream)->at(0).volume;
  EXPECT_FALSE(archive_->index().Volume(first)->closed());
  clock_.Advance(absl::Minutes(16));
  StoreAll(node, {node.Presence()});
  EXPECT_TRUE(archive_->index().Volume(first)->closed());
  StoreAll(node, {node.Segment(call)});
  const VolumeId second = archive_->index().Placements(call.stream)->at(1).volume;
  EXPECT_NE(second, first);
  ASSERT_TRUE(archive_->Close().ok());
  EXPECT_TRUE(archive_->index().Volume(second)->closed());
}

// Damage to what was acknowledged is alarmed, and what comes is taken all the same.
TEST_F(ArchiveTest, ADamagedVolumeIsLoggedAndCountedAndIngestGoesOn) {
  FakeNode node = MakeNode();
  FakeCall call = node.NewCall();
  StoreAll(node, {node.Unit(call), node.Started(call), node.StreamOpened(call), node.Segment(call)});
  archive_.reset();
  const std::string path = OnlyFileUnder(folder_ / "archive/volumes");
  FlipLastBit(path);
  std::ostringstream log;
  const auto logger = spdlog::default_logger();
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::ostream_sink_mt>(log)));
  OpenOrDie();
  spdlog::set_default_logger(logger);
  EXPECT_THAT(log.str(), AllOf(HasSubstr("[error]"), HasSubstr("alarm: damaged volume: " + path)));
  ASSERT_TRUE(metrics_.Serve("127.0.0.1:0").ok());
  EXPECT_THAT(test::HttpGet(metrics_.port(), "/metrics").body,
              HasSubstr("\nturret_archive_volumes_damaged 1\n"));
  StoreAll(node, {node.Segment(call)});
}

TEST_F(ArchiveTest, ARootKeyIsNeverMadeBesideAnArchiveThatIsThere) {
  archive_.reset();
  ASSERT_TRUE(posix_.Remove(folder_ / "archive/keys/root.key").ok());
  const absl::Status status = Open();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("restore"));
}

}  // namespace
}  // namespace turret::coordinator
