#include "storage/base/file.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/support.h"

namespace turret {
namespace {

using ::testing::ElementsAre;

class FileTest : public ::testing::Test {
 protected:
  std::string Content(const std::string& path) { return ToString(environment_.ReadAll(path).value()); }

  test::TemporaryFolder folder_;
  PosixEnvironment environment_;
};

TEST_F(FileTest, AppendsAndGoesOnAtTheEndAfterReopening) {
  const std::string path = folder_ / "a";
  auto file = environment_.CreateForAppend(path).value();
  ASSERT_TRUE(file->Append(AsBytes("one ")).ok());
  ASSERT_TRUE(file->Sync().ok());
  ASSERT_TRUE(file->Close().ok());
  auto again = environment_.OpenForAppend(path).value();
  EXPECT_EQ(again->size_bytes(), 4u);
  ASSERT_TRUE(again->Append(AsBytes("two")).ok());
  EXPECT_EQ(again->size_bytes(), 7u);
  EXPECT_EQ(Content(path), "one two");
}

TEST_F(FileTest, AFileIsCreatedOnceOnly) {
  ASSERT_TRUE(environment_.CreateForAppend(folder_ / "a").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(environment_.CreateForAppend(folder_ / "a").status()));
  EXPECT_TRUE(absl::IsAlreadyExists(environment_.CreatePreallocated(folder_ / "a", 4096).status()));
}

TEST_F(FileTest, AMissingFileIsNotFoundAndAMissingFolderIsEmpty) {
  EXPECT_TRUE(absl::IsNotFound(environment_.OpenForRead(folder_ / "none").status()));
  EXPECT_TRUE(absl::IsNotFound(environment_.OpenForAppend(folder_ / "none").status()));
  EXPECT_TRUE(absl::IsNotFound(environment_.Remove(folder_ / "none")));
  EXPECT_TRUE(environment_.List(folder_ / "none").value().empty());
}

TEST_F(FileTest, APreallocatedFileReadsAsZerosBehindWhatWasAppended) {
  auto file = environment_.CreatePreallocated(folder_ / "a", 4096).value();
  ASSERT_TRUE(file->Append(AsBytes("ab")).ok());
  ASSERT_TRUE(file->Append(AsBytes("cd")).ok());
  EXPECT_EQ(file->size_bytes(), 4u);
  const std::string content = Content(folder_ / "a");
  EXPECT_EQ(content, "abcd" + std::string(4092, '\0'));
}

TEST_F(FileTest, WriteAtomicallyReplacesTheWholeFile) {
  ASSERT_TRUE(environment_.WriteAtomically(folder_ / "a", AsBytes("a long first text")).ok());
  ASSERT_TRUE(environment_.WriteAtomically(folder_ / "a", AsBytes("short")).ok());
  EXPECT_EQ(Content(folder_ / "a"), "short");
  EXPECT_THAT(environment_.List(folder_.path()).value(), ElementsAre("a"));
}

TEST_F(FileTest, CreatesParentsAndListsNamesInOrder) {
  ASSERT_TRUE(environment_.CreateDirectories(folder_ / "x/y/z").ok());
  ASSERT_TRUE(environment_.CreateDirectories(folder_ / "x/y/z").ok());
  for (const char* name : {"c", "a", "b"})
    ASSERT_TRUE(environment_.WriteAtomically(JoinPath(folder_ / "x/y/z", name), {}).ok());
  EXPECT_THAT(environment_.List(folder_ / "x/y/z").value(), ElementsAre("a", "b", "c"));
}

TEST_F(FileTest, ReadsAtAnyOffsetAndShorterOnlyAtTheEnd) {
  ASSERT_TRUE(environment_.WriteAtomically(folder_ / "a", AsBytes("0123456789")).ok());
  const auto file = environment_.OpenForRead(folder_ / "a").value();
  EXPECT_EQ(AsText(file->ReadAt(3, 4).value()), "3456");
  EXPECT_EQ(AsText(file->ReadAt(8, 4).value()), "89");
  EXPECT_EQ(AsText(file->ReadAt(20, 4).value()), "");
  EXPECT_EQ(file->SizeBytes().value(), 10u);
}

TEST_F(FileTest, AnAppendOnlyFileGrowsAndAnImmutableOneDoesNot) {
  const std::string path = folder_ / "a";
  auto file = environment_.CreateForAppend(path).value();
  ASSERT_TRUE(file->Append(AsBytes("one")).ok());
  const absl::Status flagged = environment_.Protect(path, Protection::kAppendOnly);
  if (absl::IsUnimplemented(flagged) || absl::IsPermissionDenied(flagged)) GTEST_SKIP() << flagged;
  ASSERT_TRUE(flagged.ok()) << flagged;
  EXPECT_EQ(environment_.ReadProtection(path).value(), Protection::kAppendOnly);
  EXPECT_TRUE(file->Append(AsBytes(" two")).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(environment_.Remove(path)));
  ASSERT_TRUE(environment_.OpenForAppend(path).ok());

  ASSERT_TRUE(environment_.Protect(path, Protection::kImmutable).ok());
  EXPECT_EQ(environment_.ReadProtection(path).value(), Protection::kImmutable);
  EXPECT_FALSE(environment_.OpenForAppend(path).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(environment_.Remove(path)));
  EXPECT_EQ(Content(path), "one two");

  ASSERT_TRUE(environment_.Protect(path, Protection::kNone).ok());
  EXPECT_TRUE(environment_.Remove(path).ok());
}

TEST(PathTest, JoinsAndTakesApart) {
  EXPECT_EQ(JoinPath("a", "b"), "a/b");
  EXPECT_EQ(JoinPath("/", "b"), "/b");
  EXPECT_EQ(DirectoryOf("/a/b"), "/a");
  EXPECT_EQ(DirectoryOf("/a"), "/");
  EXPECT_EQ(DirectoryOf("a"), ".");
}

}  // namespace
}  // namespace turret
