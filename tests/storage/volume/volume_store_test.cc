#include "storage/volume/volume_store.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/volume/local_store.h"
#include "tests/storage/volume/volume_fixture.h"

namespace turret {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST_F(VolumeTest, ACommitAnswersOneStateAVolumeWithWhatWasAddedSince) {
  Open();
  const Buffer first = MakeSegment();
  const v1::Placement placement = Append(first).value();
  ASSERT_TRUE(Append(MakeSegment()).ok());
  const auto extended = store_->Commit().value();
  ASSERT_THAT(extended, SizeIs(1));
  EXPECT_EQ(extended[0].state.leaves(), 3u);
  EXPECT_FALSE(extended[0].closed);
  EXPECT_EQ(extended[0].contents.storage_class(), kClass);
  EXPECT_EQ(extended[0].contents.day(), kDay);
  ASSERT_THAT(extended[0].contents.placements(), SizeIs(2));
  EXPECT_EQ(extended[0].contents.placements(0).SerializeAsString(), placement.SerializeAsString());
  EXPECT_EQ(placement.leaf_index(), 1u);
  EXPECT_EQ(placement.record_bytes(), first.size() + kRecordOverheadBytes);
  EXPECT_EQ(placement.segment_hash(), ToString(SegmentHash(first)));
  EXPECT_EQ(placement.stream_id(), ReadSegmentHeader(first)->names.stream.ToProto());
  EXPECT_EQ(placement.unit_id(), ReadSegmentHeader(first)->names.unit.ToProto());
  Enter(extended);
  Check();
  EXPECT_THAT(store_->Commit().value(), IsEmpty());
  ASSERT_TRUE(Append(MakeSegment()).ok());
  Commit();
  Check();
}

TEST_F(VolumeTest, EachClassAndDayHasVolumesOfItsOwn) {
  Open();
  ASSERT_TRUE(Append(MakeSegment(), "2026-09-21").ok());
  ASSERT_TRUE(Append(MakeSegment(), "2026-09-22").ok());
  ASSERT_TRUE(store_->Append("gdpr", kDay, MakeSegment(100, "gdpr")).ok());
  EXPECT_THAT(store_->Commit().value(), SizeIs(3));
  EXPECT_TRUE(absl::IsInvalidArgument(store_->Append("gdpr", kDay, MakeSegment()).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Append(MakeSegment(), "../../tmp").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Append(Buffer(300)).status()));
  EXPECT_TRUE(Append(MakeSegment()).ok());
}

TEST_F(VolumeTest, ProofsHoldForEverySizeThatTheVolumeHadAndAfterReopening) {
  Open();
  std::vector<Extended> states;
  for (int i = 0; i < 9; ++i) {
    ASSERT_TRUE(Append(MakeSegment()).ok());
    states.push_back(store_->Commit().value().at(0));
    Enter(states.back());
  }
  Enter(store_->CloseOld(/*all=*/true).value());
  Open();
  EXPECT_EQ(recovered_, 0u);
  const VolumeId id = VolumeId::FromProto(states[0].state.volume_id()).value();
  for (const Extended& extended : states) {
    const auto proof = store_->Prove(id, 1, extended.state.leaves()).value();
    EXPECT_EQ(ToString(proof.root), extended.state.root());
  }
  Check();
  EXPECT_TRUE(absl::IsOutOfRange(store_->Prove(id, 10, 10).status()));
  EXPECT_TRUE(absl::IsNotFound(store_->Prove(VolumeId::Make(random_), 1, 2).status()));
}

TEST_F(VolumeTest, AFullVolumeIsClosedByTheCommitThatFollows) {
  LocalStore store(environment_, directory_, ledger_, clock_, random_, /*volume_bytes_max=*/2000);
  size_t closed = 0;
  uint64_t segments = 0;
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(store.Append(kClass, kDay, MakeSegment(400)).ok());
    if (i % 3 != 0) continue;
    const std::vector<Extended> all = store.Commit().value();
    for (const Extended& extended : all) {
      EXPECT_LE(extended.state.bytes(), 2000u);
      closed += extended.closed;
      segments += static_cast<uint64_t>(extended.contents.placements_size());
      Enter(extended);
    }
  }
  EXPECT_EQ(closed, 6u);
  EXPECT_EQ(segments, 19u);
}

TEST_F(VolumeTest, AVolumeClosesAfter15Minutes) {
  Open();
  ASSERT_TRUE(Append(MakeSegment()).ok());
  Commit();
  clock_.Advance(kVolumeAgeMax - absl::Seconds(1));
  EXPECT_THAT(store_->CloseOld(/*all=*/false).value(), IsEmpty());
  ASSERT_TRUE(Append(MakeSegment()).ok());
  clock_.Advance(absl::Seconds(1));
  const auto closed = store_->CloseOld(/*all=*/false).value();
  ASSERT_THAT(closed, SizeIs(1));
  EXPECT_TRUE(closed[0].closed);
  EXPECT_THAT(closed[0].contents.placements(), SizeIs(1));
  Enter(closed);
  ASSERT_TRUE(Append(MakeSegment()).ok());
  Commit();
  EXPECT_THAT(states_, SizeIs(2));
  Check();
}

// R02: append-only while it is open, immutable when it is closed.
TEST_F(VolumeTest, AnOpenVolumeIsAppendOnlyAndAClosedOneImmutable) {
  if (!CanProtect()) GTEST_SKIP() << "this file system, or this user, cannot set the flags";
  Open();
  ASSERT_TRUE(Append(MakeSegment()).ok());
  Commit();
  const std::string path = PathOf(states_.begin()->first);
  EXPECT_EQ(posix_.ReadProtection(path).value(), Protection::kAppendOnly);
  Enter(store_->CloseOld(/*all=*/true).value());
  EXPECT_EQ(posix_.ReadProtection(path).value(), Protection::kImmutable);
  EXPECT_EQ(store_->ProtectionWarning(), "");
  Open();
  EXPECT_EQ(store_->ProtectionWarning(), "");
}

TEST_F(VolumeTest, WithoutTheFlagsItWarnsAndGoesOn) {
  environment_.Break(Operation::kProtect, absl::PermissionDeniedError("Operation not permitted"));
  Open();
  EXPECT_EQ(store_->ProtectionWarning(), "");
  ASSERT_TRUE(Append(MakeSegment()).ok());
  Commit();
  EXPECT_THAT(store_->ProtectionWarning(), ::testing::HasSubstr("Operation not permitted"));
  Enter(store_->CloseOld(/*all=*/true).value());
  Open();
  EXPECT_THAT(store_->ProtectionWarning(), Not(IsEmpty()));
  Check();
}

}  // namespace
}  // namespace turret
