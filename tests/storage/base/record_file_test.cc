#include "storage/base/record_file.h"

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/support.h"

namespace turret {
namespace {

using ::testing::ElementsAre;

constexpr std::string_view kMagic = "TRTTEST1";

class RecordFileTest : public ::testing::Test {
 protected:
  struct Scanned {
    std::vector<std::string> payloads;
    std::vector<uint64_t> offsets;
    ScanResult result;
  };

  Scanned Scan() {
    Scanned scanned;
    scanned.result = ScanRecords(environment_, path_, kMagic, [&](uint64_t offset, Bytes payload) {
                       scanned.offsets.push_back(offset);
                       scanned.payloads.push_back(ToString(payload));
                       return absl::OkStatus();
                     }).value();
    return scanned;
  }

  void Overwrite(const std::string& content) {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << content;
  }
  std::string Content() { return ToString(environment_.ReadAll(path_).value()); }

  test::TemporaryFolder folder_;
  PosixEnvironment environment_;
  const std::string path_ = folder_ / "records";
};

TEST_F(RecordFileTest, ReadsBackWhatWasAppendedInOrder) {
  RecordWriter writer = RecordWriter::Create(environment_, path_, kMagic).value();
  const std::string large(3'000'000, 'x');
  for (const std::string& payload : {std::string("one"), std::string(), large, std::string("two")})
    ASSERT_TRUE(writer.Append(AsBytes(payload)).ok());
  EXPECT_EQ(writer.Sync().value().offset_end(), writer.size_bytes());
  const Scanned scanned = Scan();
  EXPECT_THAT(scanned.payloads, ElementsAre("one", "", large, "two"));
  EXPECT_EQ(scanned.result.good_bytes, writer.size_bytes());
  EXPECT_EQ(scanned.result.tail_bytes, 0u);
  EXPECT_EQ(scanned.result.tail_digest, Digest{});
  const auto file = environment_.OpenForRead(path_).value();
  for (size_t i = 0; i < scanned.offsets.size(); ++i)
    EXPECT_EQ(ToString(ReadRecord(*file, scanned.offsets[i]).value()), scanned.payloads[i]);
  EXPECT_TRUE(absl::IsOutOfRange(ReadRecord(*file, writer.size_bytes()).status()));
}

TEST_F(RecordFileTest, ARecordIsItsLengthPayloadAndThe8FirstBytesOfTheirDigest) {
  RecordWriter writer = RecordWriter::Create(environment_, path_, kMagic).value();
  ASSERT_TRUE(writer.Append(AsBytes("abc")).ok());
  const Digest digest = Sha256(AsBytes(std::string_view("\0\0\0\3abc", 7)));
  EXPECT_EQ(Content(), "TRTTEST1" + std::string("\0\0\0\3abc", 7) + ToString(Bytes(digest).first(8)));
}

TEST_F(RecordFileTest, ATailCutAnywhereLeavesTheRecordsBefore) {
  RecordWriter writer = RecordWriter::Create(environment_, path_, kMagic).value();
  ASSERT_TRUE(writer.Append(AsBytes("first")).ok());
  const uint64_t first_end = writer.size_bytes();
  ASSERT_TRUE(writer.Append(AsBytes("second")).ok());
  const std::string whole = Content();
  for (uint64_t cut = first_end + 1; cut < whole.size(); ++cut) {
    Overwrite(whole.substr(0, cut));
    const Scanned scanned = Scan();
    EXPECT_THAT(scanned.payloads, ElementsAre("first")) << cut;
    EXPECT_EQ(scanned.result.good_bytes, first_end);
    EXPECT_EQ(scanned.result.tail_bytes, cut - first_end);
    EXPECT_EQ(scanned.result.tail_digest, Sha256(AsBytes(whole.substr(first_end, cut - first_end))));
    EXPECT_TRUE(absl::IsFailedPrecondition(RecordWriter::Reopen(environment_, path_, first_end).status()));
  }
}

TEST_F(RecordFileTest, AnyFlippedBitEndsTheGoodPart) {
  RecordWriter writer = RecordWriter::Create(environment_, path_, kMagic).value();
  ASSERT_TRUE(writer.Append(AsBytes("payload")).ok());
  const std::string whole = Content();
  for (size_t bit = kMagicBytes * 8; bit < whole.size() * 8; ++bit) {
    std::string altered = whole;
    altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << bit % 8));
    Overwrite(altered);
    EXPECT_EQ(Scan().result.records, 0u) << bit;
    EXPECT_FALSE(ReadRecord(*environment_.OpenForRead(path_).value(), kMagicBytes).ok()) << bit;
  }
}

TEST_F(RecordFileTest, AnotherMagicIsDataLoss) {
  Overwrite("TRTOTHER");
  const auto ignore = [](uint64_t, Bytes) { return absl::OkStatus(); };
  EXPECT_TRUE(absl::IsDataLoss(ScanRecords(environment_, path_, kMagic, ignore).status()));
  Overwrite("");
  EXPECT_TRUE(absl::IsDataLoss(ScanRecords(environment_, path_, kMagic, ignore).status()));
  EXPECT_TRUE(absl::IsNotFound(ScanRecords(environment_, path_ + "x", kMagic, ignore).status()));
}

TEST_F(RecordFileTest, GoesOnAfterReopening) {
  uint64_t size_bytes = 0;
  {
    RecordWriter writer = RecordWriter::Create(environment_, path_, kMagic).value();
    ASSERT_TRUE(writer.Append(AsBytes("one")).ok());
    size_bytes = writer.size_bytes();
  }
  RecordWriter writer = RecordWriter::Reopen(environment_, path_, size_bytes).value();
  const Appended appended = writer.Append(AsBytes("two")).value();
  EXPECT_EQ(appended.offset_begin, size_bytes);
  EXPECT_EQ(appended.offset_end, writer.size_bytes());
  EXPECT_THAT(Scan().payloads, ElementsAre("one", "two"));
}

TEST_F(RecordFileTest, TheVisitorMayStopTheScan) {
  RecordWriter writer = RecordWriter::Create(environment_, path_, kMagic).value();
  ASSERT_TRUE(writer.Append(AsBytes("one")).ok());
  const auto stop = [](uint64_t, Bytes) { return absl::CancelledError(""); };
  EXPECT_TRUE(absl::IsCancelled(ScanRecords(environment_, path_, kMagic, stop).status()));
}

TEST_F(RecordFileTest, RefusesWhatNoReaderWouldTake) {
  RecordWriter writer = RecordWriter::Create(environment_, path_, kMagic).value();
  EXPECT_TRUE(absl::IsInvalidArgument(writer.Append(Buffer(kRecordPayloadBytesMax + 1)).status()));
  EXPECT_TRUE(writer.Append(AsBytes("goes on")).ok());
  ASSERT_TRUE(writer.Close().ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(writer.Append(AsBytes("closed")).status()));
}

}  // namespace
}  // namespace turret
