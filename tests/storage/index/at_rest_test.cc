#include "tests/storage/index/at_rest.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace turret::test {
namespace {

using testing::IsEmpty;

// S6, S12. The same search without a cipher is in at_rest_null_test.cc.
TEST(IndexAtRestTest, NoFileHoldsAName) {
  IndexAtRest index;
  EXPECT_THAT(index.FilesWith(IndexAtRest::kTrader), IsEmpty());
  EXPECT_THAT(index.FilesWith(IndexAtRest::kParty), IsEmpty());
}

// RocksDB's own log prints keys in hex; the ids of our keys are looked for in every form.
TEST(IndexAtRestTest, NoFileHoldsAnId) {
  IndexAtRest index;
  EXPECT_THAT(index.FilesWith(index.line().ToProto()), IsEmpty());
}

TEST(IndexAtRestTest, NoFileHoldsItsKeys) {
  IndexAtRest index;
  EXPECT_THAT(index.FilesWith(AsText(TestIndexKeys().files.bytes())), IsEmpty());
  EXPECT_THAT(index.FilesWith(AsText(TestIndexKeys().tokens.bytes())), IsEmpty());
}

TEST(IndexAtRestTest, OpensUnderItsOwnKeyOnly) {
  IndexAtRest index;
  index.Close();
  Index::Keys keys = TestIndexKeys();
  keys.files.mutable_bytes()[0] ^= 1;
  EXPECT_TRUE(absl::IsDataLoss(Index::Open(index.folder(), std::move(keys)).status()));
  const auto reopened = Index::Open(index.folder(), TestIndexKeys());
  ASSERT_TRUE(reopened.ok()) << reopened.status();
  EXPECT_EQ((*reopened)->Position(), 201U);
}

TEST(IndexAtRestTest, AFileThatIsNotEncryptedIsDataLoss) {
  IndexAtRest index;
  index.Close();
  std::ofstream(std::filesystem::path(index.folder()) / "CURRENT") << "MANIFEST-000001\n";
  EXPECT_TRUE(absl::IsDataLoss(Index::Open(index.folder(), TestIndexKeys()).status()));
}

}  // namespace
}  // namespace turret::test
