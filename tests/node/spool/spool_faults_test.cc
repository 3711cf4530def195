// What the spool keeps when disk, power or key fail.
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/spool/extent.h"
#include "tests/node/spool/spool_fixture.h"

namespace turret::node {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kDatagramOverheadBytes = 5 + 42;
constexpr uint64_t kRunStartedBytes = 5;  // What a process that follows another one appends first.

class SpoolFaultsTest : public SpoolTest {
 protected:
  void AppendAndCommit(const std::string& text) {
    ASSERT_TRUE(AppendDatagram(text).ok());
    ASSERT_TRUE(spool_->Commit().ok());
  }
  void FlipBit(const std::string& path, uint64_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(byte);
  }
};

TEST_F(SpoolFaultsTest, AFailedSyncOrWriteGoesIntoANewExtentAndIsNeverTriedAgain) {
  for (const Operation operation : {Operation::kSync, Operation::kWrite}) {
    Open();
    AppendAndCommit("before");
    const size_t files = Files().size();
    environment_.FailNth(operation, 1);
    AppendAndCommit("during");
    EXPECT_THAT(Files(), SizeIs(files + 1));
    AppendAndCommit("after");
    const std::vector<std::string> texts = TextsFrom(spool_->Oldest());
    Open();
    EXPECT_EQ(TextsFrom(spool_->Oldest()), texts);
    EXPECT_EQ(spool_->Stats().bytes_unreadable, 0u);
  }
  EXPECT_THAT(TextsFrom(0), SizeIs(6));
}

// C06, design rule 2: capture goes on in memory within a bound, and nothing of that is lost when the disk is
// back.
TEST_F(SpoolFaultsTest, WithABrokenDiskItKeepsGoingInMemoryWithinItsBound) {
  options_.memory_bytes_max = 64 * 1024;
  Open();
  AppendAndCommit("before");
  environment_.Break(Operation::kSync);
  std::vector<std::string> expected{"datagram before"};
  absl::Status appended;
  while (true) {
    const std::string text = std::string(1000, 'x') + std::to_string(expected.size());
    appended = AppendDatagram(text);
    if (!appended.ok()) break;
    expected.push_back("datagram " + text);
    EXPECT_FALSE(spool_->Commit().ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(appended)) << appended;
  EXPECT_GT(expected.size(), 50u);
  EXPECT_GT(spool_->Stats().commits_failed, 50u);
  EXPECT_GT(spool_->Stats().bytes_uncommitted, 50'000u);
  EXPECT_LE(Files().size(), 2u);
  EXPECT_THAT(TextsFrom(0), ElementsAre("datagram before"));  // From disk: memory is needed for the rest.

  environment_.Repair();
  ASSERT_TRUE(spool_->Commit().ok());
  EXPECT_EQ(TextsFrom(0), expected);
  EXPECT_TRUE(AppendDatagram("goes on").ok());
  EXPECT_EQ(spool_->Stats().bytes_uncommitted,
            spool_->Stats().position_end - spool_->Stats().position_durable);
}

TEST_F(SpoolFaultsTest, AnExtentTornAnywhereEndsAtItsLastWholeBlock) {
  Open();
  for (const char* text : {"one", "two", "six"}) AppendAndCommit(text);
  const std::string name = Files().back();
  const std::string whole = ToString(posix_.ReadAll(PathOf(name)).value());
  const std::vector<Seen> all = ReadFrom(0);
  const uint64_t frame_bytes = kFrameOverheadBytes + kDatagramOverheadBytes + 3;
  for (uint64_t cut = kExtentHeaderBytes; cut < kExtentHeaderBytes + 3 * frame_bytes; cut += 7) {
    SCOPED_TRACE(cut);
    spool_.reset();
    for (const std::string& file : Files()) ASSERT_TRUE(posix_.Remove(PathOf(file)).ok());
    // Zeros, as in room set aside; and then another process's block after it.
    std::ofstream(PathOf(name), std::ios::binary) << whole.substr(0, cut) << std::string(4096, '\0');
    Open();
    const size_t good = (cut - kExtentHeaderBytes) / frame_bytes;
    AppendAndCommit("next");
    for (int restart = 0; restart < 2; ++restart) {
      std::vector<Seen> expected(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(good));
      expected.push_back({all[good].position + (good > 0 ? kRunStartedBytes : 0), "datagram next"});
      EXPECT_EQ(ReadFrom(spool_->Oldest()), expected);
      Open();
    }
  }
}

TEST_F(SpoolFaultsTest, ABlockThatWasMovedOrReplayedDoesNotCount) {
  Open();
  for (const char* text : {"one", "two"}) AppendAndCommit(text);
  const std::string path = PathOf(Files().back());
  std::string content = ToString(posix_.ReadAll(path).value());
  const size_t frame_bytes = kFrameOverheadBytes + kDatagramOverheadBytes + 3;
  const std::string first = content.substr(kExtentHeaderBytes, frame_bytes);
  const std::string second = content.substr(kExtentHeaderBytes + frame_bytes, frame_bytes);
  spool_.reset();
  // The second block's box under the first one's position, and the first one again in place of the second.
  const std::vector<std::string> forgeries = {first.substr(0, 12) + second.substr(12) + second,
                                              first + second.substr(0, 12) + first.substr(12)};
  const std::vector<std::vector<std::string>> left = {{}, {"datagram one"}};
  for (size_t i = 0; i < forgeries.size(); ++i) {
    for (const std::string& file : Files()) ASSERT_TRUE(posix_.Remove(PathOf(file)).ok());
    std::ofstream(path, std::ios::binary)
        << content.substr(0, kExtentHeaderBytes) << forgeries[i] << std::string(4096, '\0');
    Open();
    EXPECT_EQ(TextsFrom(spool_->Oldest()), left[i]);
    spool_.reset();
  }
}

TEST_F(SpoolFaultsTest, AnExtentUnderAnotherKeyIsMovedAsideAndPositionsGoOnBehindIt) {
  Open();
  AppendAndCommit("under the old key");
  const uint64_t end = spool_->Stats().position_end;
  key_ = SecretKey::Make(random_);
  Open();
  EXPECT_EQ(spool_->Stats().extents_unopened, 1u);
  EXPECT_THAT(Files(), ::testing::Contains(::testing::EndsWith(".unopened")));
  EXPECT_GE(spool_->Stats().position_end, end);
  AppendAndCommit("under the new key");
  EXPECT_THAT(TextsFrom(0), ElementsAre("datagram under the new key"));
  const std::vector<Seen> seen = ReadFrom(0);
  Open();
  EXPECT_EQ(spool_->Stats().extents_unopened, 0u);
  EXPECT_EQ(ReadFrom(0), seen);
}

TEST_F(SpoolFaultsTest, AnAlteredBlockIsReportedOnceAndReadingGoesOnBehindIt) {
  options_.memory_bytes_max = 4096;
  options_.extent_bytes = 16 * 1024;
  Open();
  for (int i = 0; i < 60; ++i) AppendAndCommit(std::string(1000, 'x') + std::to_string(i));
  const std::string path = PathOf(Files()[0]);
  const size_t frame_bytes = kFrameOverheadBytes + kDatagramOverheadBytes + 1001;
  FlipBit(path, kExtentHeaderBytes + 3 * frame_bytes + 500);
  FlipBit(path, kExtentHeaderBytes + 4 * frame_bytes + 500);
  uint64_t position = 0;
  int lost = 0;
  Collector collector;
  while (true) {
    auto block = spool_->Read(position, absl::ZeroDuration());
    if (!block.ok()) {
      EXPECT_TRUE(absl::IsDataLoss(block.status())) << block.status();
      ++lost;
      continue;
    }
    if (*block == nullptr) break;
    ASSERT_TRUE((*block)->Visit(collector).ok());
    position = (*block)->end_position();
  }
  EXPECT_EQ(lost, 2);
  EXPECT_THAT(collector.seen, SizeIs(58));
  EXPECT_EQ(spool_->Stats().bytes_unreadable, 2 * (kDatagramOverheadBytes + 1001));
}

TEST_F(SpoolFaultsTest, AFullDiskIsAsABrokenOne) {
  Open();
  AppendAndCommit("before");
  environment_.Break(Operation::kWrite, absl::ResourceExhaustedError("injected: No space left on device"));
  ASSERT_TRUE(AppendDatagram("during").ok());
  EXPECT_TRUE(absl::IsResourceExhausted(spool_->Commit()));
  environment_.Repair();
  ASSERT_TRUE(spool_->Commit().ok());
  EXPECT_THAT(TextsFrom(0), ElementsAre("datagram before", "datagram during"));
}

// C04: power goes at any moment; what was durable is there.
TEST_F(SpoolFaultsTest, APowerCutLosesNothingThatWasDurable) {
  SCOPED_TRACE(test::SeedTrace(seed_));
  options_.extent_bytes = 16 * 1024;
  std::vector<std::string> durable;
  for (int cut = 0; cut < 20; ++cut) {
    Open();
    ASSERT_THAT(TextsFrom(spool_->Oldest()), ::testing::ElementsAreArray(durable));
    std::vector<std::string> appended;
    for (int i = 0; i < 5; ++i) {
      const std::string text = std::to_string(cut) + std::string(700, 'x') + std::to_string(i);
      if (i == 3) environment_.Break(Operation::kSync);  // The machine is dying.
      ASSERT_TRUE(AppendDatagram(text).ok());
      if (spool_->Commit().ok()) durable.push_back("datagram " + text);
    }
    spool_.reset();
    environment_.Repair();
    environment_.PowerCut(random_);
  }
  EXPECT_THAT(durable, SizeIs(60));
}

}  // namespace
}  // namespace turret::node
