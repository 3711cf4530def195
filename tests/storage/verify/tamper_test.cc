// Whatever is changed behind the ledger's back fails, and the place is named (R14).
#include <filesystem>
#include <random>

#include "storage/base/record_file.h"
#include "storage/segment/segment.h"
#include "tests/storage/verify/verify_fixture.h"
#include "turret/v1/ledger.pb.h"

namespace turret::test {
namespace {
namespace fs = std::filesystem;

constexpr int kFlipsAFolder = 150;

TEST_F(VerifyTest, AWholeArchiveVerifiesInBothModes) {
  for (const bool full : {false, true}) {
    const verify::Report report = Verify({.full = full});
    EXPECT_TRUE(report.clean()) << Told(report);
    EXPECT_GT(report.counts.entries, 20u);
    EXPECT_GT(report.counts.heads, 5u);
    EXPECT_GE(report.counts.books, 3u);
    EXPECT_GE(report.counts.volumes, 2u);
    EXPECT_EQ(report.counts.streams, 5u);
    EXPECT_EQ(report.counts.segments_opened, full ? report.counts.segments : 0u);
    EXPECT_EQ(report.counts.bodies_opened > 0, full);
    EXPECT_EQ(report.counts.uncovered_bytes, 0u);
  }
}

TEST_F(VerifyTest, AnySingleFlippedBitFailsAndNamesTheFile) {
  const uint64_t seed = Seed(7);
  SCOPED_TRACE(SeedTrace(seed));
  std::mt19937_64 random(seed);
  for (const std::string folder : {"ledger", "volumes", "books", "keys"}) {
    const std::vector<std::string> files = Files(folder);
    ASSERT_FALSE(files.empty());
    for (int i = 0; i < kFlipsAFolder; ++i) {
      const std::string& file = files[random() % files.size()];
      const std::string text = ReadText(Path(file));
      std::string flipped = text;
      const size_t at = random() % text.size();
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << random() % 8));
      WriteText(Path(file), flipped);
      const verify::Report report = Verify();
      EXPECT_TRUE(Names(report, {file})) << "flipped a bit at " << at;
      WriteText(Path(file), text);
    }
  }
  EXPECT_TRUE(Verify().clean());
}

TEST_F(VerifyTest, AByteAtEitherEndOfEachFileFails) {
  for (const std::string folder : {"ledger", "volumes", "books", "keys"})
    for (const std::string& file : Files(folder)) {
      const std::string text = ReadText(Path(file));
      WriteText(Path(file), text + '\0');
      EXPECT_TRUE(Names(Verify(), {file})) << "one byte more";
      WriteText(Path(file), text.substr(0, text.size() - 1));
      EXPECT_FALSE(Verify().clean()) << file << ": one byte less";
      WriteText(Path(file), text);
    }
}

TEST_F(VerifyTest, ARemovedSegmentIsNamedByVolumeRecordAndStream) {
  for (const std::string& file : Files("volumes")) {
    std::vector<Buffer> records = ReadRecords(Path(file));
    ASSERT_GT(records.size(), 2u);
    records.erase(records.begin() + 2);
    WriteRecords(Path(file), "TRTVOL01", records);
    const verify::Report report = Verify();
    EXPECT_TRUE(Names(report, {file, "record 2"}));
    EXPECT_TRUE(Names(report, {"stream ", "missing"}));
    Restore();
  }
}

// The last two records as one of the same bytes on disk, in a form that is good by itself: the file then ends
// where the ledger says, with a record less, and no state's count of records is ever met.
void MergeLastTwo(std::vector<Buffer>& records, bool segments) {
  const size_t missing_bytes = records.back().size() + kRecordOverheadBytes;
  records.pop_back();
  Buffer& last = records.back();
  if (segments) {
    last.resize(last.size() + missing_bytes, 0x5A);
    Buffer length;
    StoreU32(length, static_cast<uint32_t>(last.size() - kSegmentOverheadBytes));
    std::ranges::copy(length, last.begin() + kSegmentHeaderBytes - 4);
  } else {
    constexpr uint8_t kUnknownField[] = {0x7A};  // Field 15, length-delimited: parsers pass over it.
    Append(last, kUnknownField);
    const size_t padding_bytes = missing_bytes - (missing_bytes - 2 < 0x80 ? 2 : 3);
    if (padding_bytes >= 0x80) last.push_back(static_cast<uint8_t>(padding_bytes | 0x80));
    last.push_back(static_cast<uint8_t>(padding_bytes >= 0x80 ? padding_bytes >> 7 : padding_bytes));
    last.resize(last.size() + padding_bytes, 0x5A);
  }
}

TEST_F(VerifyTest, FewerRecordsInAsManyBytesFail) {
  for (const bool segments : {true, false})
    for (const std::string& file : Files(segments ? "volumes" : "books")) {
      std::vector<Buffer> records = ReadRecords(Path(file));
      if (records.size() < 3) continue;
      const size_t bytes = ReadText(Path(file)).size();
      MergeLastTwo(records, segments);
      WriteRecords(Path(file), segments ? "TRTVOL01" : "TRTBOOK1", records);
      ASSERT_EQ(ReadText(Path(file)).size(), bytes);
      EXPECT_TRUE(Names(Verify(), {file, "ledger entry"}));
      Restore();
    }
}

TEST_F(VerifyTest, AnAlteredSegmentWithGoodCheckBytesIsNamedByItsRecord) {
  const std::string file = Files("volumes").back();
  std::vector<Buffer> records = ReadRecords(Path(file));
  records[3].back() ^= 1;
  WriteRecords(Path(file), "TRTVOL01", records);
  EXPECT_TRUE(Names(Verify(), {file, "record 3"}));
  EXPECT_TRUE(Names(Verify({.full = true}), {file, "record 3", "does not open"}));
}

TEST_F(VerifyTest, ARemovedVolumeIsNamedByTheEntryThatKnowsIt) {
  for (const std::string& file : Files("volumes")) {
    fs::remove(Path(file));
    const std::string id = fs::path(file).stem().string();
    EXPECT_TRUE(Names(Verify(), {"volume " + id, "ledger entry", "missing"}));
    Restore();
  }
}

TEST_F(VerifyTest, ATruncatedVolumeFailsWhereverItIsCut) {
  const uint64_t seed = Seed(8);
  SCOPED_TRACE(SeedTrace(seed));
  std::mt19937_64 random(seed);
  const std::string file = Files("volumes").front();
  const std::string text = ReadText(Path(file));
  for (int i = 0; i < 50; ++i) {
    WriteText(Path(file), text.substr(0, random() % text.size()));
    const verify::Report report = Verify();
    EXPECT_FALSE(report.clean());
    EXPECT_NE(Told(report).find(fs::path(file).stem().string()), std::string::npos);
  }
}

TEST_F(VerifyTest, TwoSwappedVolumesFail) {
  const std::vector<std::string> files = Files("volumes");
  ASSERT_GE(files.size(), 2u);
  fs::rename(Path(files[0]), Path("other"));
  fs::rename(Path(files[1]), Path(files[0]));
  fs::rename(Path("other"), Path(files[1]));
  const verify::Report report = Verify();
  EXPECT_TRUE(Names(report, {files[0], "names another volume"}));
  EXPECT_TRUE(Names(report, {files[1], "names another volume"}));
}

TEST_F(VerifyTest, AHiddenFileFails) {
  const std::string volume = Files("volumes").front();
  const std::string copy = volume.substr(0, volume.rfind('/') + 1) + std::string(32, 'a') + ".vol";
  fs::copy(Path(volume), Path(copy));
  fs::copy(Path(Files("books").front()), Path("books/mifid/copy.book"));
  WriteText(Path("ledger/notes.txt"), "nothing to see");
  WriteText(Path("volumes/mifid/.hidden"), std::string(5000, 'x'));
  fs::create_directory(Path("attic"));
  fs::create_symlink("/etc", Path("volumes/link"));
  for (const bool at_rest : {true, false}) {
    const verify::Report report = Verify({.at_rest = at_rest});
    for (const std::string& file :
         {copy, std::string("books/mifid/copy.book"), std::string("ledger/notes.txt"),
          std::string("volumes/mifid/.hidden"), std::string("attic"), std::string("volumes/link")})
      EXPECT_TRUE(Names(report, {file}));
  }
}

// Rewrites one entry of the ledger's blocks, with check bytes that fit.
void EditEntry(const std::string& path, uint64_t index, bool drop) {
  std::vector<Buffer> records = ReadRecords(path);
  ASSERT_LT(index, records.size());
  Buffer& record = records[index];
  const uint32_t leaf_bytes = LoadU32(record);
  v1::Leaf leaf;
  ASSERT_TRUE(leaf.ParseFromArray(record.data() + 4, static_cast<int>(leaf_bytes)));
  leaf.set_appended_utc_ns(leaf.appended_utc_ns() + 1);
  const std::string edited = leaf.SerializeAsString();
  Buffer entry;
  StoreU32(entry, static_cast<uint32_t>(edited.size()));
  Append(entry, AsBytes(edited));
  Append(entry, Bytes(record).subspan(4 + leaf_bytes));
  record = entry;
  if (drop) records.erase(records.begin() + static_cast<std::ptrdiff_t>(index));
  WriteRecords(path, "TRTLEDG1", records);
}

TEST_F(VerifyTest, AnEditedOrDroppedEntryIsBoundedByTheHeadsAroundIt) {
  const std::string block = "ledger/0000000000000000.blk";
  const uint64_t entries = ReadRecords(Path(block)).size();
  for (const bool drop : {false, true})
    for (uint64_t index = 0; index < entries; ++index) {
      EditEntry(Path(block), index, drop);
      const verify::Report report = Verify();
      const auto range = std::ranges::find_if(report.findings(), [](const verify::Finding& finding) {
        return finding.what.find("altered, dropped or put in") != std::string::npos;
      });
      ASSERT_NE(range, report.findings().end()) << (drop ? "dropped " : "edited ") << index << "\n"
                                                << Told(report);
      EXPECT_LE(*range->place.entry, index);
      EXPECT_GE(*range->place.entry_last, index);
      EXPECT_LE(*range->place.entry_last - *range->place.entry, 8u) << "the heads stand closer than that";
      Restore();
    }
}

}  // namespace
}  // namespace turret::test
