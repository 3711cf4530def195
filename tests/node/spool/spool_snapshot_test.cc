// Snapshots: what is trimmed because of them, and which of them counts.
#include "node/spool/extent.h"
#include "tests/node/spool/spool_fixture.h"

namespace turret::node {
namespace {

// Needs what it is told to need.
class FixedSource final : public SnapshotSource {
 public:
  uint64_t OldestNeeded(uint64_t acknowledged) override { return std::min(acknowledged, needed); }
  Snapshot Take(uint64_t acknowledged) override {
    Snapshot snapshot;
    snapshot.acknowledged = acknowledged;
    snapshot.oldest_needed = OldestNeeded(acknowledged);
    v1::CallState state;
    state.set_position(++taken);
    const std::string bytes = state.SerializeAsString();
    for (int i = 0; i < 2; ++i) AppendCallStateRecord(snapshot.parts.emplace_back(), AsBytes(bytes), {});
    return snapshot;
  }
  uint64_t needed = 0;
  uint64_t taken = 0;
};

class SpoolSnapshotTest : public SpoolTest {
 protected:
  ~SpoolSnapshotTest() override {
    if (spool_ != nullptr) spool_->SetSnapshotSource(nullptr);
  }
  void OpenWithSource() {
    Open();
    spool_->SetSnapshotSource(&source_);
  }
  /// Several extents of records.
  void Fill(int records) {
    for (int i = 0; i < records; ++i) {
      ASSERT_TRUE(AppendDatagram(std::string(10'000, 'x')).ok());
      ASSERT_TRUE(spool_->Commit().ok());
    }
  }
  FixedSource source_;
};

TEST_F(SpoolSnapshotTest, OnlyWhatTheLastSnapshotDoesNotNeedIsTrimmed) {
  OpenWithSource();
  Fill(60);
  const size_t files = Files().size();
  ASSERT_GE(files, 3U);
  EXPECT_GE(source_.taken, 2U);  // One at the start of each extent that was begun since.
  const uint64_t end = spool_->Stats().position_durable;
  ASSERT_TRUE(spool_->Trim(end).ok());
  EXPECT_EQ(Files().size(), files);
  EXPECT_EQ(spool_->Oldest(), 0U);
  source_.needed = UINT64_MAX;
  ASSERT_TRUE(spool_->Trim(end).ok());  // With a snapshot taken now, all but the open extent can go.
  EXPECT_EQ(Files().size(), 1U);
  EXPECT_EQ(spool_->Oldest(), end);
  const uint64_t taken = source_.taken;
  ASSERT_TRUE(spool_->Trim(end).ok());
  EXPECT_EQ(source_.taken, taken);  // Nothing more would go.
}

TEST_F(SpoolSnapshotTest, TheNextProcessReadsFromWhereTheSnapshotSays) {
  OpenWithSource();
  Fill(60);
  const std::vector<Seen> all = ReadFrom(0);
  source_.needed = all[41].position;
  ASSERT_TRUE(spool_->Trim(all[50].position).ok());
  OpenWithSource();
  ASSERT_NE(spool_->snapshot(), nullptr);
  EXPECT_EQ(spool_->snapshot()->oldest_needed, all[41].position);
  EXPECT_EQ(spool_->snapshot()->acknowledged, all[50].position);
  EXPECT_EQ(spool_->snapshot()->parts.size(), 2U);
  EXPECT_EQ(spool_->Oldest(), all[41].position);
  EXPECT_EQ(ReadFrom(spool_->Oldest()), (std::vector<Seen>(all.begin() + 41, all.end())));
  Open();  // Nobody takes snapshots in this one: the last goes on to count, carried over.
  Fill(60);
  ASSERT_TRUE(spool_->Trim(spool_->Stats().position_durable).ok());
  EXPECT_EQ(spool_->Oldest(), all[41].position);
}

TEST_F(SpoolSnapshotTest, ATornOrAlteredOneGivesWayToTheOneBefore) {
  OpenWithSource();
  Fill(60);
  spool_->SetSnapshotSource(nullptr);
  spool_.reset();
  const std::vector<std::string> files = Files();
  const std::string last = PathOf(files.back());
  Buffer bytes = posix_.ReadAll(last).value();
  bytes[kExtentHeaderBytes + 40] ^= 1;  // In its first part.
  ASSERT_TRUE(posix_.WriteAtomically(last, bytes).ok());
  OpenWithSource();
  ASSERT_NE(spool_->snapshot(), nullptr);
  v1::CallState state;
  class Reader final : public RecordVisitor {
   public:
    void OnDatagram(uint64_t, const Datagram&) override {}
    void OnUnitKey(uint64_t, UnitKeyRecord) override {}
    void OnFact(uint64_t, v1::Fact) override {}
    void OnCallState(v1::CallState found) override { number = found.position(); }
    uint64_t number = 0;
  } reader;
  ASSERT_TRUE(Block(0, spool_->snapshot()->parts.at(0)).Visit(reader).ok());
  EXPECT_EQ(reader.number, source_.taken - 1);
}

TEST_F(SpoolSnapshotTest, AFullQuotaEndsWithTheTrimming) {
  options_.bytes_max = 700 * 1024;
  OpenWithSource();
  while (AppendDatagram(std::string(10'000, 'x')).ok()) ASSERT_TRUE(spool_->Commit().ok());
  source_.needed = UINT64_MAX;
  ASSERT_TRUE(spool_->Trim(spool_->Stats().position_durable).ok());
  EXPECT_TRUE(AppendDatagram(std::string(10'000, 'x')).ok());
}

}  // namespace
}  // namespace turret::node
