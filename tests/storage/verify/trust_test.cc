// What is trusted comes from outside of the archive.
#include <filesystem>

#include "storage/ledger/checkpoint.h"
#include "tests/storage/verify/verify_fixture.h"
#include "tests/support/process.h"

namespace turret::test {
namespace {
namespace fs = std::filesystem;

TEST_F(VerifyTest, AnArchiveThatIsRolledBackAsAWholeFailsAgainstTheKeptHeadOnly) {
  TemporaryFolder folder;
  RecordedArchive archive(folder / "archive", Seed(3));
  TemporaryFolder backup;
  archive.Close();
  const std::string old_head = archive.checkpoint();
  fs::copy(folder / "archive", backup / "archive", fs::copy_options::recursive);
  RecordedArchive other(folder / "other", Seed(4));
  other.Close();

  verify::Options options{.archive = backup / "archive",
                          .key = *verify::ReadPublicKey(archive.public_key_hex()),
                          .trusted = std::nullopt,
                          .passphrase = std::nullopt,
                          .at_rest = true};
  std::string why;
  options.trusted = verify::ReadHead(old_head, options.key, why);
  ASSERT_TRUE(options.trusted) << why;
  verify::Report good;
  verify::Verify(options, good);
  EXPECT_TRUE(good.clean()) << Told(good);

  options.trusted->size += 3;  // As a later head would: its signature was checked when it was read.
  verify::Report rolled_back;
  verify::Verify(options, rolled_back);
  EXPECT_TRUE(Names(rolled_back, {"kept elsewhere", "not there"}));

  options.trusted = std::nullopt;
  verify::Report alone;
  verify::Verify(options, alone);
  EXPECT_TRUE(alone.clean()) << Told(alone);
}

TEST_F(VerifyTest, AHeadOrKeyOfAnotherLedgerIsRefused) {
  TemporaryFolder folder;
  RecordedArchive other(folder / "archive", Seed(5));
  other.Close();
  std::string why;
  const verify::PublicKey ours = *verify::ReadPublicKey(original().public_key_hex());
  EXPECT_FALSE(verify::ReadHead(other.checkpoint(), ours, why));
  verify::Report report;
  verify::Verify({.archive = directory(),
                  .key = *verify::ReadPublicKey(other.public_key_hex()),
                  .trusted = std::nullopt,
                  .passphrase = std::nullopt,
                  .at_rest = true},
                 report);
  EXPECT_TRUE(Names(report, {"another signing key"}));
  EXPECT_TRUE(Names(report, {"ledger/heads", "is not signed"}));
}

TEST_F(VerifyTest, NoBitOfAHeadIsFree) {
  const verify::PublicKey key = *verify::ReadPublicKey(original().public_key_hex());
  const std::string head = original().checkpoint();
  std::string why;
  ASSERT_TRUE(verify::ReadHead(head, key, why)) << why;
  for (size_t at = 0; at < head.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = head;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      EXPECT_FALSE(verify::ReadHead(flipped, key, why)) << "byte " << at << " bit " << bit;
    }
}

TEST_F(VerifyTest, ALostLastSegmentShowsInTheEndOfItsCall) {
  TemporaryFolder folder;
  RecordedArchive archive(folder / "archive", Seed(6));
  archive.AddCall("mifid", {MakeExact("PCMA", Babble(8000, 9), {.packets_a_segment = 20})}, /*ends=*/true,
                  /*segments_missing=*/1);
  archive.Close();
  verify::Report report;
  verify::Verify({.archive = folder / "archive",
                  .key = *verify::ReadPublicKey(archive.public_key_hex()),
                  .trusted = std::nullopt,
                  .passphrase = RecordedArchive::kPassphrase,
                  .at_rest = true},
                 report);
  EXPECT_TRUE(Names(
      report, {"stream " + archive.calls().back().streams[0].id.ToHex(), "states 4 segments", "hold 3"}));
}

class ProgramTest : public VerifyTest {
 protected:
  ProgramTest() {
    WriteText(folder_ / "key", original().public_key_hex() + "\n");
    WriteText(folder_ / "head", original().checkpoint());
    WriteText(folder_ / "passphrase", std::string(RecordedArchive::kPassphrase) + "\n");
  }
  CommandResult Program(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {TURRET_VERIFY_PROGRAM, directory(), "--at-rest"});
    return turret::test::Run(arguments);
  }
  TemporaryFolder folder_;
};

TEST_F(ProgramTest, ExitStatusTellsVerifiedWrongUsageAndUnproven) {
  const std::string key = folder_ / "key";
  const std::string head = folder_ / "head";
  const std::string passphrase = folder_ / "passphrase";
  EXPECT_EQ(Program({"--key", key, "--head", head, "--hashes"}).exit_code, 0);
  EXPECT_EQ(Program({"--key", key, "--head", head, "--passphrase-file", passphrase}).exit_code, 0);
  const CommandResult unproven = Program({"--key", key, "--hashes"});
  EXPECT_EQ(unproven.exit_code, 3);
  EXPECT_NE(unproven.out.find("FRESHNESS UNPROVEN"), std::string::npos) << unproven.out;
  EXPECT_EQ(Program({"--key", head, "--hashes"}).exit_code, 2) << "a head is no key";
  EXPECT_EQ(Program({"--key", key, "--head", key, "--hashes"}).exit_code, 2) << "a key is no head";
  EXPECT_EQ(Program({"--key", key}).exit_code, 2) << "neither mode";
  EXPECT_EQ(Program({"--key", key, "--passphrase-file", key}).exit_code, 2) << "another passphrase";
  EXPECT_EQ(Program({"--key", key, "--no-such-option"}).exit_code, 2);
  EXPECT_EQ(Program({"--help"}).exit_code, 0);
  fs::remove(Path(Files("volumes").front()));
  const CommandResult wrong = Program({"--key", key, "--head", head, "--hashes"});
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_NE(wrong.out.find("NOT VERIFIED"), std::string::npos) << wrong.out;
  const CommandResult json = Program({"--key", key, "--head", head, "--hashes", "--json"});
  EXPECT_EQ(json.exit_code, 1);
  EXPECT_NE(json.out.find("\"findings_total\""), std::string::npos) << json.out;
}

TEST(LinkMap, TheVerifierLinksTheGeneratedMessagesAndNothingElseOfOurs) {
  const std::string map = ReadText(TURRET_VERIFY_MAP);
  ASSERT_GT(map.size(), 1000u);
  EXPECT_NE(map.find("libturret_messages.a"), std::string::npos);
  EXPECT_NE(map.find("libturret_storage_verify.a"), std::string::npos);
  for (size_t at = map.find("libturret_"); at != std::string::npos; at = map.find("libturret_", at + 1)) {
    const std::string name = map.substr(at, map.find(".a", at) - at);
    EXPECT_TRUE(name == "libturret_messages" || name == "libturret_storage_verify") << name;
  }
}

}  // namespace
}  // namespace turret::test
