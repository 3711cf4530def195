#include "node/spool/spool.h"

#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/node/spool/spool_fixture.h"

namespace turret::node {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kRunStartedBytes = 5;  // What a process that follows another one appends first.

TEST_F(SpoolTest, AReaderGetsWhatWasCommittedInOrderAndNothingElse) {
  Open();
  ASSERT_TRUE(AppendDatagram("one").ok());
  ASSERT_TRUE(AppendDatagram("").ok());
  EXPECT_THAT(ReadFrom(0), IsEmpty());
  ASSERT_TRUE(spool_->Commit().ok());
  ASSERT_TRUE(AppendDatagram("later").ok());
  EXPECT_THAT(TextsFrom(0), ElementsAre("datagram one", "datagram "));
}

TEST_F(SpoolTest, EachKindOfRecordComesBackWhole) {
  Open();
  const Datagram datagram{.stream = StreamId::Make(random_),
                          .arrival_utc_ns = 1'790'000'000'123'456'789,
                          .source = {.address = {1, 2, 3}, .port = 40'000},
                          .bytes = AsBytes("payload")};
  UnitKeyRecord unit{.unit = UnitId::Make(random_),
                     .call = CallId::Make(random_),
                     .storage_class = "mifid",
                     .day = "2026-09-21",
                     .key = SecretKey::Make(random_)};
  v1::Fact fact;
  fact.set_fact_id("0123456789abcdef");
  fact.mutable_call_started()->set_sip_call_id("a@b");
  ASSERT_TRUE(spool_->AppendDatagrams({&datagram, 1}).ok());
  const uint64_t unit_position = spool_->AppendUnitKey(unit).value();
  const uint64_t fact_position = spool_->AppendFact(fact).value();
  ASSERT_TRUE(spool_->Commit().ok());

  class Checker final : public RecordVisitor {
   public:
    void OnDatagram(uint64_t, const Datagram& got) override {
      stream = got.stream, arrival = got.arrival_utc_ns, source = got.source, bytes = ToString(got.bytes);
    }
    void OnUnitKey(uint64_t position, UnitKeyRecord got) override {
      unit_position = position, unit = std::move(got);
    }
    void OnFact(uint64_t position, v1::Fact got) override { fact_position = position, fact = std::move(got); }
    StreamId stream;
    int64_t arrival = 0;
    SourceAddress source;
    std::string bytes;
    uint64_t unit_position = 0, fact_position = 0;
    UnitKeyRecord unit;
    v1::Fact fact;
  } got;
  ASSERT_TRUE((*spool_->Read(0, absl::ZeroDuration()))->Visit(got).ok());
  EXPECT_EQ(got.stream, datagram.stream);
  EXPECT_EQ(got.arrival, datagram.arrival_utc_ns);
  EXPECT_EQ(got.source, datagram.source);
  EXPECT_EQ(got.bytes, "payload");
  EXPECT_EQ(got.unit_position, unit_position);
  EXPECT_EQ(got.unit.unit, unit.unit);
  EXPECT_EQ(got.unit.call, unit.call);
  EXPECT_EQ(got.unit.storage_class, unit.storage_class);
  EXPECT_EQ(got.unit.day, unit.day);
  EXPECT_EQ(ToHex(got.unit.key.bytes()), ToHex(unit.key.bytes()));
  EXPECT_EQ(got.fact_position, fact_position);
  EXPECT_EQ(got.fact.SerializeAsString(), fact.SerializeAsString());
}

TEST_F(SpoolTest, ABlockThatIsNoRowOfRecordsIsDataLoss) {
  for (const Buffer& plaintext :
       {Buffer{1}, Buffer{9, 0, 0, 0, 0}, Buffer{1, 0, 0, 0, 1, 7}, Buffer{2, 0, 0, 0, 0}}) {
    Collector collector;
    EXPECT_TRUE(absl::IsDataLoss(Block(0, plaintext).Visit(collector)));
    EXPECT_THAT(collector.seen, IsEmpty());
  }
}

// C04: what was committed is there after a crash.
TEST_F(SpoolTest, CommittedRecordsOutliveTheProcessAndPositionsGoOn) {
  Open();
  ASSERT_TRUE(AppendDatagram("kept").ok());
  ASSERT_TRUE(spool_->Commit().ok());
  const std::vector<Seen> before = ReadFrom(0);
  const uint64_t durable = spool_->Stats().position_durable;
  ASSERT_TRUE(AppendDatagram("lost").ok());
  for (int restart = 0; restart < 3; ++restart) Open();
  EXPECT_EQ(spool_->Stats().position_durable, durable);
  ASSERT_TRUE(AppendDatagram("next").ok());
  ASSERT_TRUE(spool_->Commit().ok());
  EXPECT_THAT(TextsFrom(spool_->Oldest()), ElementsAre("datagram kept", "datagram next"));
  EXPECT_EQ(ReadFrom(0)[0], before[0]);
  EXPECT_EQ(ReadFrom(0)[1].position, durable + kRunStartedBytes);
}

TEST_F(SpoolTest, AReaderThatIsBehindReadsFromDisk) {
  options_.memory_bytes_max = 16 * 1024;
  options_.extent_bytes = 8 * 1024;
  Open();
  std::vector<std::string> expected;
  for (int i = 0; i < 200; ++i) {
    const std::string text = std::string(500, 'x') + std::to_string(i);
    ASSERT_TRUE(AppendDatagram(text).ok());
    expected.push_back("datagram " + text);
    if (i % 3 == 0) ASSERT_TRUE(spool_->Commit().ok());
  }
  ASSERT_TRUE(spool_->Commit().ok());
  const uint64_t reads = environment_.count(Operation::kRead);
  EXPECT_EQ(TextsFrom(0), expected);
  EXPECT_GT(environment_.count(Operation::kRead), reads);
  // A reader that keeps up touches no disk.
  const uint64_t reads_before = environment_.count(Operation::kRead);
  const uint64_t position = spool_->Stats().position_durable;
  ASSERT_TRUE(AppendDatagram("new").ok());
  ASSERT_TRUE(spool_->Commit().ok());
  EXPECT_THAT(TextsFrom(position), ElementsAre("datagram new"));
  EXPECT_EQ(environment_.count(Operation::kRead), reads_before);
}

TEST_F(SpoolTest, TrimRemovesExtentsThatHoldNothingElse) {
  options_.extent_bytes = 8 * 1024;
  Open();
  for (int i = 0; i < 40; ++i) {
    ASSERT_TRUE(AppendDatagram(std::string(1000, 'x')).ok());
    ASSERT_TRUE(spool_->Commit().ok());
  }
  const size_t files = Files().size();
  EXPECT_GT(files, 4u);
  const std::vector<Seen> all = ReadFrom(0);
  ASSERT_TRUE(spool_->Trim(all[20].position).ok());
  EXPECT_LT(Files().size(), files);
  EXPECT_EQ(spool_->Oldest(), all[20].position);
  EXPECT_EQ(ReadFrom(spool_->Oldest()), std::vector<Seen>(all.begin() + 20, all.end()));
  ASSERT_TRUE(spool_->Trim(spool_->Stats().position_end).ok());
  EXPECT_THAT(Files(), SizeIs(1));
  EXPECT_THAT(ReadFrom(spool_->Oldest()), IsEmpty());
  const uint64_t end = spool_->Stats().position_end;
  Open();
  EXPECT_EQ(spool_->Stats().position_end, end + kRunStartedBytes);
}

TEST_F(SpoolTest, AReaderOfWhatWasTrimmedGoesOnWithWhatIsThere) {
  options_.extent_bytes = 8 * 1024;
  Open();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(AppendDatagram(std::string(1000, 'x')).ok());
    ASSERT_TRUE(spool_->Commit().ok());
  }
  ASSERT_TRUE(spool_->Trim(spool_->Stats().position_end).ok());
  const std::vector<Seen> left = ReadFrom(0);
  EXPECT_THAT(left, SizeIs(::testing::Lt(8u)));  // Of the extent that is written to.
  const uint64_t end = spool_->Stats().position_end;
  EXPECT_EQ(spool_->Read(end, absl::ZeroDuration()).value(), nullptr);
}

TEST_F(SpoolTest, AFullQuotaRefusesDatagramsButKeepsAReserveForFacts) {
  options_.bytes_max = 64 * 1024;
  options_.extent_bytes = 16 * 1024;
  Open();
  absl::Status appended;
  int datagrams = 0;
  for (; datagrams < 1000 && appended.ok(); ++datagrams) {
    appended = AppendDatagram(std::string(500, 'x'));
    ASSERT_TRUE(spool_->Commit().ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(appended)) << appended;
  EXPECT_GT(datagrams, 80);
  EXPECT_LE(spool_->Stats().bytes_used, options_.bytes_max);
  v1::Fact fact;
  fact.set_fact_id("spool_full");
  EXPECT_TRUE(spool_->AppendFact(fact).ok());
  ASSERT_TRUE(spool_->Commit().ok());
  ASSERT_TRUE(spool_->Trim(spool_->Stats().position_end).ok());
  EXPECT_TRUE(AppendDatagram("again").ok());
}

TEST_F(SpoolTest, ARecordLargerThanAQuarterOfAnExtentIsRefused) {
  options_.extent_bytes = 64 * 1024;
  Open();
  v1::Fact fact;
  fact.mutable_call_updated()->add_verbatim()->set_body(std::string(15 * 1024, 'x'));
  EXPECT_TRUE(spool_->AppendFact(fact).ok());
  fact.mutable_call_updated()->add_verbatim()->set_body(std::string(15 * 1024, 'x'));
  EXPECT_TRUE(absl::IsInvalidArgument(spool_->AppendFact(fact).status()));
  EXPECT_TRUE(spool_->Commit().ok());
}

TEST_F(SpoolTest, NothingStandsOnDiskInClear) {
  Open();
  ASSERT_TRUE(AppendDatagram("a very clear text").ok());
  const UnitKeyRecord unit{.storage_class = "mifid", .day = "2026-09-21", .key = SecretKey::Make(random_)};
  ASSERT_TRUE(spool_->AppendUnitKey(unit).ok());
  ASSERT_TRUE(spool_->Commit().ok());
  for (const std::string& name : Files()) {
    const std::string content = ToString(posix_.ReadAll(PathOf(name)).value());
    EXPECT_EQ(content.find("a very clear text"), std::string::npos);
    EXPECT_EQ(content.find(AsText(unit.key.bytes())), std::string::npos);
    EXPECT_EQ(content.find(AsText(key_.bytes())), std::string::npos);
  }
}

TEST_F(SpoolTest, ItsOwnThreadCommitsAndWakesReadersAndWaiters) {
  Open();
  spool_->Start();
  std::shared_ptr<const Block> block;
  std::thread reader([&] { block = spool_->Read(0, absl::Seconds(60)).value(); });
  v1::Fact fact;
  fact.set_fact_id("0123456789abcdef");
  const uint64_t position = spool_->AppendFact(fact).value();
  EXPECT_TRUE(spool_->WaitDurable(position, absl::Seconds(60)).ok());
  EXPECT_GT(spool_->Stats().position_durable, position);
  reader.join();
  ASSERT_NE(block, nullptr);
  EXPECT_EQ(block->end_position(), spool_->Stats().position_durable);
  EXPECT_TRUE(spool_->WaitDurable(block->end_position(), absl::ZeroDuration()).ok());
  ASSERT_TRUE(AppendDatagram("last").ok());
  spool_->Stop();
  EXPECT_THAT(TextsFrom(block->end_position()), ElementsAre("datagram last"));
}

TEST_F(SpoolTest, WhatIsNotCommittedIsNotDurable) {
  Open();
  v1::Fact fact;
  const uint64_t position = spool_->AppendFact(fact).value();
  EXPECT_TRUE(absl::IsDeadlineExceeded(spool_->WaitDurable(position, absl::ZeroDuration())));
}

TEST(NodeKeyTest, IsMadeOnceAndKept) {
  test::TemporaryFolder folder;
  PosixEnvironment environment;
  test::SeededRandom random(1);
  const std::string path = folder / "run/node.key";
  const SecretKey made = LoadOrMakeNodeKey(environment, path, random).value();
  const SecretKey loaded = LoadOrMakeNodeKey(environment, path, random).value();
  EXPECT_EQ(ToHex(made.bytes()), ToHex(loaded.bytes()));
  ASSERT_TRUE(environment.WriteAtomically(path, AsBytes("short")).ok());
  EXPECT_TRUE(absl::IsDataLoss(LoadOrMakeNodeKey(environment, path, random).status()));
}

}  // namespace
}  // namespace turret::node
