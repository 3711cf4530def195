// What volumes keep when disk, power or bits fail.
#include <filesystem>
#include <fstream>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/storage/volume/volume_fixture.h"

namespace turret {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class VolumeFaultsTest : public VolumeTest {
 protected:
  void TearDown() override { store_.reset(); }
  void Alter(const std::string& path, const std::function<void()>& how) {
    posix_.Protect(path, Protection::kNone).IgnoreError();
    how();
  }
  void FlipBit(const std::string& path, uint64_t offset) {
    Alter(path, [&] {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(static_cast<std::streamoff>(offset));
      const char byte = static_cast<char>(file.get() ^ 1);
      file.seekp(static_cast<std::streamoff>(offset));
      file.put(byte);
    });
  }
};

TEST_F(VolumeFaultsTest, AfterAFailedSyncOrWriteAllSinceTheLastCommitStandsInANewVolume) {
  for (const Operation operation : {Operation::kSync, Operation::kWrite}) {
    Open();
    ASSERT_TRUE(Append(MakeSegment()).ok());
    Commit();
    const size_t covered = covered_.size();
    ASSERT_TRUE(Append(MakeSegment()).ok());
    if (operation == Operation::kSync) ASSERT_TRUE(Append(MakeSegment()).ok());
    environment_.FailNth(operation, 1);
    if (operation == Operation::kWrite) ASSERT_TRUE(Append(MakeSegment()).ok());
    const auto extended = store_->Commit().value();
    ASSERT_THAT(extended, SizeIs(2));
    EXPECT_EQ(extended[0].closed + extended[1].closed, 1);
    const Extended& broken = extended[extended[0].closed ? 0 : 1];
    EXPECT_EQ(broken.state.leaves(), 2u);
    EXPECT_EQ(broken.state.tail_bytes() > 0, operation == Operation::kWrite);  // Half a record.
    EXPECT_THAT(broken.contents.placements(), IsEmpty());
    Enter(extended);
    EXPECT_EQ(covered_.size(), covered + 2);
    Check();
    Enter(store_->CloseOld(/*all=*/true).value());
    Open();
    EXPECT_EQ(recovered_, 0u);
    Check();
  }
}

TEST_F(VolumeFaultsTest, WhenTheNewVolumeFailsTooNothingCountsAndTheStoreIsOfNoFurtherUse) {
  Open();
  ASSERT_TRUE(Append(MakeSegment()).ok());
  Commit();
  ASSERT_TRUE(Append(MakeSegment()).ok());
  environment_.Break(Operation::kSync);
  EXPECT_FALSE(store_->Commit().ok());
  environment_.Repair();
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->Commit().status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Append(MakeSegment()).status()));
  Check();
  Open();
  Check();
  ASSERT_TRUE(Append(MakeSegment()).ok());
  Commit();
  Check();
}

TEST_F(VolumeFaultsTest, AVolumeWhoseTailIsNotSureIsNotClosedBeforeTheNextStart) {
  Open();
  ASSERT_TRUE(Append(MakeSegment()).ok());
  Commit();
  environment_.FailNth(Operation::kWrite, 1);
  environment_.Break(Operation::kSync);
  EXPECT_FALSE(Append(MakeSegment()).ok());
  environment_.Repair();
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->Commit().status()));
  store_.reset();
  environment_.PowerCut(random_);
  Open();
  EXPECT_EQ(recovered_, 1u);
  Check();
}

TEST_F(VolumeFaultsTest, AVolumeThatCannotBeMadeIsAnErrorAndLeavesNothing) {
  Open();
  environment_.FailNth(Operation::kSyncDirectory, 1, absl::ResourceExhaustedError("No space left on device"));
  EXPECT_TRUE(absl::IsResourceExhausted(Append(MakeSegment()).status()));
  Open();
  EXPECT_EQ(recovered_, 0u);
  EXPECT_THAT(damaged_, IsEmpty());
}

// R05: what was appended and not yet told to the ledger is covered after a crash; nothing is truncated.
TEST_F(VolumeFaultsTest, AfterACrashGoodRecordsAreCoveredAndTheVolumeIsClosed) {
  Open();
  ASSERT_TRUE(Append(MakeSegment()).ok());
  Commit();
  const VolumeId id = states_.begin()->first;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Append(MakeSegment()).ok());
  Open();
  EXPECT_EQ(recovered_, 1u);
  EXPECT_TRUE(states_.at(id).closed);
  EXPECT_EQ(states_.at(id).state.leaves(), 5u);
  EXPECT_THAT(contents_.at(id).placements(), SizeIs(3));
  EXPECT_THAT(covered_, SizeIs(4));
  Check();
  Open();
  EXPECT_EQ(recovered_, 0u);
  ASSERT_TRUE(Append(MakeSegment()).ok());
  Commit();
  EXPECT_THAT(states_, SizeIs(2));
  Check();
}

TEST_F(VolumeFaultsTest, AVolumeThatTheLedgerNeverHeardOfIsRecoveredFromItsStart) {
  Open();
  ASSERT_TRUE(Append(MakeSegment()).ok());
  Open();
  EXPECT_EQ(recovered_, 1u);
  EXPECT_THAT(covered_, SizeIs(1));
  Check();
}

TEST_F(VolumeFaultsTest, WhatTheLedgerHasOfAVolumeMustBeSureBeforeItIsRecovered) {
  Open();
  ASSERT_TRUE(Append(MakeSegment()).ok());
  Commit();
  store_.reset();
  const auto unreadable = [](const VolumeId&) { return absl::UnavailableError("index: reading"); };
  const auto opened = LocalVolumeStore::Open(environment_, directory_, ledger_, clock_, random_, unreadable);
  EXPECT_EQ(opened.status(), absl::UnavailableError("index: reading"));
  Open();
  EXPECT_EQ(recovered_, 1u);
  Check();
}

TEST_F(VolumeFaultsTest, ATornTailIsAccountedForByLengthAndDigest) {
  Open();
  ASSERT_TRUE(Append(MakeSegment()).ok());
  Commit();
  ASSERT_TRUE(Append(MakeSegment()).ok());
  const std::string path = PathOf(states_.begin()->first);
  store_.reset();
  Alter(path, [&] { std::filesystem::resize_file(path, std::filesystem::file_size(path) - 5); });
  Open();
  EXPECT_EQ(recovered_, 1u);
  EXPECT_GT(states_.begin()->second.state.tail_bytes(), 0u);
  EXPECT_THAT(covered_, SizeIs(1));
  Check();
}

TEST_F(VolumeFaultsTest, AStillbornVolumeIsPassedOver) {
  Open();
  const std::string folder = JoinPath(JoinPath(directory_, kClass), kDay);
  ASSERT_TRUE(posix_.CreateDirectories(folder).ok());
  for (const char* content : {"", "TRTV", "TRTVOL01", "TRTVOL01half a record"})
    ASSERT_TRUE(
        posix_.WriteAtomically(JoinPath(folder, VolumeFileName(VolumeId::Make(random_))), AsBytes(content))
            .ok());
  Open();
  EXPECT_EQ(recovered_, 0u);
  EXPECT_THAT(damaged_, IsEmpty());
}

TEST_F(VolumeFaultsTest, AVolumeThatDoesNotHoldWhatTheLedgerSaysIsNamedAndLeftAsItIs) {
  Open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Append(MakeSegment()).ok());
  Commit();
  const VolumeId id = states_.begin()->first;
  const uint64_t offset = covered_.begin()->second.placement.offset_bytes();
  const std::string path = PathOf(id);
  store_.reset();
  FlipBit(path, offset + 100);
  Open();
  EXPECT_EQ(recovered_, 0u);
  EXPECT_THAT(damaged_, ElementsAre(HasSubstr(path)));
  EXPECT_TRUE(absl::IsDataLoss(store_->ReadSegment(id, offset).status()));
  EXPECT_FALSE(states_.at(id).closed);
  ASSERT_TRUE(Append(MakeSegment()).ok());
  Commit();
}

TEST_F(VolumeFaultsTest, ReadingWhereNoSegmentIsIsDataLoss) {
  Open();
  const v1::Placement placement = Append(MakeSegment()).value();
  Commit();
  const VolumeId id = states_.begin()->first;
  for (const uint64_t offset :
       {uint64_t{0}, uint64_t{kMagicBytes}, placement.offset_bytes() + 1, uint64_t{1} << 40})
    EXPECT_TRUE(absl::IsDataLoss(store_->ReadSegment(id, offset).status())) << offset;
}

// Every step of a run may be the last, on a disk that fails now and then and a power that is cut: nothing
// that the ledger covers is ever lost.
class VolumeModelTest : public VolumeTest, public ::testing::WithParamInterface<uint64_t> {
 protected:
  size_t Below(size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(engine_); }
  std::mt19937_64 engine_{GetParam() + seed_};
};

TEST_P(VolumeModelTest, NothingThatTheLedgerCoversIsEverLost) {
  SCOPED_TRACE(test::SeedTrace(seed_));
  Open();
  for (int step = 0; step < 80; ++step) {
    bool ok = true;
    switch (Below(9)) {
      case 0:
        store_.reset();
        environment_.PowerCut(random_);
        Open();
        break;
      case 1:
        Open();
        break;
      case 2:
        environment_.FailNth(Below(2) == 0 ? Operation::kSync : Operation::kWrite, 1 + Below(4));
        break;
      case 3:
      case 4:
        if (const auto extended = store_->Commit(); (ok = extended.ok())) Enter(*extended);
        break;
      case 5:
        clock_.Advance(absl::Minutes(8));
        if (const auto extended = store_->CloseOld(Below(3) == 0); (ok = extended.ok())) Enter(*extended);
        break;
      default:
        ok = Append(MakeSegment(32 + Below(500))).ok();
    }
    if (!ok) Open();  // As the coordinator does.
    ASSERT_THAT(damaged_, IsEmpty());
    Check();
    if (HasFatalFailure()) FAIL() << "step " << step;
  }
  EXPECT_GT(covered_.size(), 5u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, VolumeModelTest, ::testing::Range<uint64_t>(0, 8));

}  // namespace
}  // namespace turret
