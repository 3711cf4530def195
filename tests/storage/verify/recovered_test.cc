// What a kill leaves behind is accounted for once the archive was opened again, and is no alarm before.
#include <filesystem>
#include <random>

#include "fmt/format.h"
#include "tests/storage/verify/verify_fixture.h"

namespace turret::test {
namespace {
namespace fs = std::filesystem;

class RecoveredTest : public VerifyTest {
 protected:
  // The archive as a kill leaves it: open files end wherever a write was cut.
  void CopyTorn(const std::string& from, const std::string& to, uint64_t seed) {
    fs::copy(from, to, fs::copy_options::recursive);
    std::mt19937_64 random(seed);
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(to)) {
      const std::string path = entry.path().string();
      const bool grows = path.ends_with(".vol") || path.ends_with(".book") || path.ends_with(".blk") ||
                         path.ends_with("/heads");
      if (!entry.is_regular_file() || !grows || random() % 2 == 0) continue;
      const std::vector<Buffer> records = ReadRecords(path);
      Buffer record;
      StoreU32(record, static_cast<uint32_t>(records.back().size()));
      Append(record, records.back());
      record.resize(1 + random() % record.size());
      WriteText(path, ReadText(path) + ToString(record));
    }
  }
  verify::Report VerifyAt(const std::string& path, const std::string& key, bool at_rest) {
    verify::Report report;
    verify::Verify({.archive = path,
                    .key = *verify::ReadPublicKey(key),
                    .trusted = std::nullopt,
                    .passphrase = RecordedArchive::kPassphrase,
                    .at_rest = at_rest},
                   report);
    return report;
  }
};

TEST_F(RecoveredTest, TornEndsAreNoFindingInUseAndAccountedForAfterTheNextStart) {
  for (uint64_t seed = Seed(20); seed < Seed(20) + 5; ++seed) {
    SCOPED_TRACE(SeedTrace(seed));
    TemporaryFolder folder;
    RecordedArchive archive(folder / "archive", seed);
    const std::string torn = folder / "torn";
    CopyTorn(folder / "archive", torn, seed);
    const verify::Report in_use = VerifyAt(torn, archive.public_key_hex(), /*at_rest=*/false);
    EXPECT_TRUE(in_use.clean()) << Told(in_use);
    EXPECT_GT(in_use.counts.uncovered_bytes, 0u);
    EXPECT_FALSE(VerifyAt(torn, archive.public_key_hex(), /*at_rest=*/true).clean());

    archive.Reopen(torn);
    archive.AddCall("mifid", {MakeExact("PCMA", Babble(8000, 9), {.packets_a_segment = 20})}, /*ends=*/true);
    archive.Close();
    const verify::Report recovered = VerifyAt(torn, archive.public_key_hex(), /*at_rest=*/true);
    EXPECT_TRUE(recovered.clean()) << Told(recovered);
  }
}

TEST_F(RecoveredTest, ABlockThatIsBegunBehindATornOneAndHoldsNothingSignedYetIsNoFindingInUse) {
  const std::string block = Path("ledger/0000000000000000.blk");
  WriteText(Path(fmt::format("ledger/{:016x}.blk", ReadRecords(block).size())), "TRTLEDG1");
  WriteText(block, ReadText(block) + "torn");
  const verify::Report in_use = Verify({.at_rest = false});
  EXPECT_TRUE(in_use.clean()) << Told(in_use);
  EXPECT_EQ(in_use.counts.uncovered_bytes, 12u);
  EXPECT_TRUE(Names(Verify({.at_rest = true}), {"12 bytes", "in no signed head"}));
}

TEST_F(RecoveredTest, AReplacementThatACrashLeftIsANoteAndAnythingElseAFinding) {
  WriteText(Path("ledger/checkpoint.tmp"), "turret-rec");
  WriteText(Path("keys/ledger-signing.key.tmp"), "TRT");
  const verify::Report report = Verify();
  EXPECT_TRUE(report.clean()) << Told(report);
  EXPECT_EQ(report.notes().size(), 2u);
  WriteText(Path("ledger/heads.tmp"), "x");
  WriteText(Path("keys/ledger-signing.key.tmp"), std::string(100'000, 'x'));
  EXPECT_TRUE(Names(Verify(), {"ledger/heads.tmp"}));
  EXPECT_TRUE(Names(Verify(), {"keys/ledger-signing.key.tmp"}));
}

}  // namespace
}  // namespace turret::test
