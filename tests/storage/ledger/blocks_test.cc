#include "storage/ledger/blocks.h"

#include "gtest/gtest.h"
#include "tests/storage/key/files.h"
#include "tests/support/support.h"

namespace turret {
namespace {

class BlocksTest : private test::InMemory, public testing::Test {
 protected:
  // What Open() visits, in order.
  absl::StatusOr<std::unique_ptr<Blocks>> Open() {
    visited_.clear();
    return Blocks::Open(environment_, directory_, [this](uint64_t index, Bytes payload) {
      EXPECT_EQ(index, visited_.size());
      visited_.push_back(ToString(payload));
      return absl::OkStatus();
    });
  }

  std::vector<std::string> ReadAll(const Blocks& blocks, uint64_t begin, uint64_t end) {
    std::vector<std::string> texts;
    for (const Blocks::Run& run : blocks.Locate(begin, end)) {
      const auto file = environment_.OpenForRead(run.path).value();
      for (const uint64_t offset : run.offsets) texts.push_back(ToString(ReadRecord(*file, offset).value()));
    }
    return texts;
  }

  test::TemporaryFolder folder_;
  PosixEnvironment environment_;
  std::string directory_ = folder_.path();
  std::vector<std::string> visited_;
};

TEST_F(BlocksTest, FullBlocksAreFollowedByNewOnesNamedAfterTheirFirstEntry) {
  std::vector<std::string> all;
  auto blocks = Open().value();
  for (int i = 0; i < 20; ++i) {
    all.push_back("entry " + std::to_string(i));
    ASSERT_TRUE(blocks->Append(AsBytes(all.back())).ok());
    ASSERT_TRUE(blocks->Sync().ok());
    blocks->CloseIfFull(/*bytes_max=*/100);
  }
  EXPECT_TRUE(environment_.Exists(directory_ + "/0000000000000005.blk"));
  EXPECT_EQ(ReadAll(*blocks, 0, 20), all);
  for (uint64_t begin = 0; begin <= 20; ++begin)
    for (uint64_t end = begin; end <= 20; ++end)
      EXPECT_EQ(ReadAll(*blocks, begin, end),
                std::vector<std::string>(all.begin() + static_cast<ptrdiff_t>(begin),
                                         all.begin() + static_cast<ptrdiff_t>(end)));
  blocks = Open().value();
  EXPECT_EQ(visited_, all);
  EXPECT_FALSE(blocks->HasUnclean());
}

TEST_F(BlocksTest, AMissingBlockIsDataLoss) {
  auto blocks = Open().value();
  for (int i = 0; i < 9; ++i) {
    ASSERT_TRUE(blocks->Append(AsBytes("entry")).ok());
    ASSERT_TRUE(blocks->Sync().ok());
    if (i % 3 == 2) blocks->CloseIfFull(0);
  }
  test::Unprotect(directory_ + "/0000000000000003.blk");
  ASSERT_TRUE(environment_.Remove(directory_ + "/0000000000000003.blk").ok());
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(BlocksTest, RecordsThatTheNextBlockHasAreDead) {
  auto blocks = Open().value();
  for (const char* text : {"a", "b", "given up"}) ASSERT_TRUE(blocks->Append(AsBytes(text)).ok());
  ASSERT_TRUE(blocks->Sync().ok());
  blocks.reset();
  auto next = RecordWriter::Create(environment_, directory_ + "/0000000000000002.blk", "TRTLEDG1").value();
  ASSERT_TRUE(next.Append(AsBytes("c")).ok());
  blocks = Open().value();
  EXPECT_EQ(visited_, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(ReadAll(*blocks, 0, 3), visited_);
  const std::vector<v1::BlockState> unclean = blocks->TakeUnclean();
  ASSERT_EQ(unclean.size(), 1u);
  EXPECT_EQ(unclean[0].records(), 2u);
  EXPECT_EQ(unclean[0].tail_bytes(), std::string("given up").size() + kRecordOverheadBytes);
}

TEST_F(BlocksTest, OtherFilesAreLeftAlone) {
  test::Overwrite(directory_ + "/public.pem", AsBytes("key"));
  test::Overwrite(directory_ + "/0000000000000000.blk.tmp", AsBytes("x"));
  test::Overwrite(directory_ + "/000000000000000A.blk", AsBytes("upper case"));
  EXPECT_EQ(Open().value()->Count(), 0u);
}

}  // namespace
}  // namespace turret
