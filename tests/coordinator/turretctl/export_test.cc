#include <filesystem>
#include <fstream>
#include <sstream>

#include "coordinator/turretctl/output_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/turretctl/fake_access.h"

namespace turret::turretctl {
namespace {

using ::testing::HasSubstr;
using Result = test::Turretctl::Result;

v1::ExportChunk Chunk(const std::string& path, const std::string& data, bool executable = false) {
  v1::ExportChunk chunk;
  chunk.set_path(path);
  chunk.set_data(data);
  chunk.set_executable(executable);
  chunk.set_calls_total(1);
  return chunk;
}

std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class ExportTest : public ::testing::Test {
 protected:
  ExportTest() {
    turretctl_.access.calls = {test::SomeCall(0x3F)};
    turretctl_.access.exported = {Chunk("data/a/x.wav", "RI"), Chunk("", "FF"), Chunk("data/a/empty", ""),
                                  Chunk("verify.sh", "#!/bin/sh\n", true)};
  }
  Result Export(const std::string& folder) {
    return turretctl_.Run({"export", "3fabab", "--reason", "request 12", "-o", folder});
  }

  test::TemporaryFolder folder_;
  test::Turretctl turretctl_;
};

TEST_F(ExportTest, WritesTheBagFileByFile) {
  const Result result = Export(folder_ / "bag");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(ReadFile(folder_ / "bag/data/a/x.wav"), "RIFF");
  EXPECT_TRUE(std::filesystem::exists(folder_ / "bag/data/a/empty"));
  EXPECT_EQ(std::filesystem::status(folder_ / "bag/verify.sh").permissions(), std::filesystem::perms(0700));
  EXPECT_EQ(std::filesystem::status(folder_ / "bag").permissions(), std::filesystem::perms(0700));
  EXPECT_EQ(turretctl_.access.export_request.reason(), "request 12");
  EXPECT_THAT(result.out, HasSubstr("bag/verify.sh"));
}

TEST_F(ExportTest, NeverWritesIntoAFolderThatHoldsSomething) {
  std::filesystem::create_directories(folder_ / "bag/");
  EXPECT_EQ(Export(folder_ / "bag").exit_code, 0) << "an empty one is taken";
  turretctl_.access.export_request.Clear();
  EXPECT_EQ(Export(folder_ / "bag").exit_code, 1);
  EXPECT_EQ(Export(folder_ / "bag/verify.sh").exit_code, 1);
  EXPECT_EQ(turretctl_.access.export_request.call_ids_size(), 0)
      << "nothing may be asked, and entered, in vain";
}

TEST_F(ExportTest, AnExportThatBreaksOffLeavesNothing) {
  turretctl_.access.status = {grpc::StatusCode::DATA_LOSS, "segment 3"};
  turretctl_.access.calls.clear();
  const Result result =
      turretctl_.Run({"export", "3f" + std::string(30, 'a'), "--reason", "x", "-o", folder_ / "bag"});
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST_F(ExportTest, APathOutsideOfTheFolderEndsItAll) {
  for (const char* path :
       {"/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "a/.ssh/x", "a\\b", "a\nb", "..", "/"}) {
    turretctl_.access.exported = {Chunk("first", "x"), Chunk(path, "x")};
    EXPECT_EQ(Export(folder_ / "bag").exit_code, 6) << path;
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << path;
  }
  turretctl_.access.exported = {Chunk("", "x")};
  EXPECT_EQ(Export(folder_ / "bag").exit_code, 6) << "a piece of no file";
  turretctl_.access.exported = {Chunk("a", "x"), Chunk("b", "x"), Chunk("a", "y")};
  EXPECT_NE(Export(folder_ / "bag").exit_code, 0) << "the same file twice";
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

}  // namespace
}  // namespace turret::turretctl
