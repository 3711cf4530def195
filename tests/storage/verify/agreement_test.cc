// The second verifier, written from FORMAT.md alone, fails on what turret-verify fails on, and on nothing
// else.
#include <filesystem>
#include <random>

#include "fmt/format.h"
#include "tests/second_verifier/both_verifiers.h"
#include "tests/storage/verify/verify_fixture.h"

namespace turret::test {
namespace {
namespace fs = std::filesystem;

constexpr int kForgeries = 40;

class AgreementTest : public VerifyTest {
 protected:
  AgreementTest() {
    WriteText(folder_ / "key", original().public_key_hex() + "\n");
    WriteText(folder_ / "head", original().checkpoint());
    WriteText(folder_ / "passphrase", std::string(RecordedArchive::kPassphrase) + "\n");
  }
  VerifyArguments Arguments(const std::string& archive, bool full, bool at_rest, bool with_head) const {
    VerifyArguments arguments{archive, "--key", folder_ / "key"};
    if (full)
      arguments.insert(arguments.end(), {"--passphrase-file", folder_ / "passphrase"});
    else
      arguments.push_back("--hashes");
    if (at_rest) arguments.push_back("--at-rest");
    if (with_head) arguments.insert(arguments.end(), {"--head", folder_ / "head"});
    return arguments;
  }
  // One thing changed in one file. Records are put together again with check bytes that fit.
  std::string Forge(const std::string& path, std::mt19937_64& random) {
    std::string text = ReadText(path);
    const size_t at = random() % text.size();
    const bool records = !path.ends_with("/checkpoint") && !path.ends_with("/public.pem");
    switch (random() % (records ? 7 : 3)) {
      case 0:
        fs::remove(path);
        return "removed";
      case 1:
        WriteText(path, text.substr(0, at));
        return fmt::format("cut at {}", at);
      case 2:
        text[at] = static_cast<char>(text[at] ^ (1 << random() % 8));
        break;
      default:
        return ForgeRecord(path, text.substr(0, 8), random);
    }
    WriteText(path, text);
    return fmt::format("bit flipped at {}", at);
  }
  static std::string ForgeRecord(const std::string& path, const std::string& magic, std::mt19937_64& random) {
    std::vector<Buffer> records = ReadRecords(path);
    const size_t at = random() % records.size();
    const uint64_t how = random() % 4;
    if (how == 0) records.erase(records.begin() + static_cast<std::ptrdiff_t>(at));
    if (how == 1) records.insert(records.begin() + static_cast<std::ptrdiff_t>(at), Buffer(records[at]));
    if (how == 2) std::swap(records[at], records[random() % records.size()]);
    if (how == 3) records[at][random() % records[at].size()] ^= static_cast<uint8_t>(1 << random() % 8);
    WriteRecords(path, magic, records);
    return fmt::format("record {} {}", at,
                       how == 0   ? "dropped"
                       : how == 1 ? "doubled"
                       : how == 2 ? "swapped"
                                  : "altered");
  }
  TemporaryFolder folder_;
};

// R14: whatever one verifier finds wrong the other does.
TEST_F(AgreementTest, BothVerifiersFailOnTheSameForgeries) {
  const uint64_t seed = Seed(9);
  SCOPED_TRACE(SeedTrace(seed));
  std::mt19937_64 random(seed);
  const std::string folders[] = {"ledger", "volumes", "books", "keys"};
  std::vector<VerifyArguments> runs;
  std::vector<std::string> forged;
  for (int i = 0; i < kForgeries; ++i) {
    const std::vector<std::string> files = Files(folders[i % std::size(folders)]);
    const std::string archive = folder_ / fmt::format("forged-{}", i);
    fs::copy(original_directory(), archive, fs::copy_options::recursive);
    const std::string& file = files[random() % files.size()];
    forged.push_back(file + ": " + Forge(archive + "/" + file, random));
    const uint64_t bits = random();
    // In use is the slow case: both wait whether an entry names a file after all.
    runs.push_back(Arguments(archive, /*full=*/bits & 1, /*at_rest=*/bits & 14, /*with_head=*/bits & 16));
  }
  const std::vector<Verdict> verdicts = BothVerifyAll(runs);
  int wrong = 0;
  for (int i = 0; i < kForgeries; ++i) {
    wrong += verdicts[i].exit_code == 1 ? 1 : 0;
    if (HasFailure()) ADD_FAILURE() << runs[i].front() << ": " << forged[i];
  }
  EXPECT_GT(wrong, kForgeries * 3 / 4) << "the rest are files that no entry of the ledger needs";
}

TEST_F(AgreementTest, BothVerifiersSeeAsMuchInAWholeArchive) {
  std::vector<VerifyArguments> runs;
  for (const bool full : {false, true})
    for (const bool with_head : {false, true})
      runs.push_back(Arguments(original_directory(), full, /*at_rest=*/true, with_head));
  const std::vector<Verdict> verdicts = BothVerifyAll(runs);
  for (size_t i = 0; i < runs.size(); ++i)
    EXPECT_EQ(verdicts[i].exit_code, i % 2 == 1 ? 0 : 3) << verdicts[i].Told();
}

TEST_F(AgreementTest, NeitherVerifierTakesAnotherHeadOrPassphrase) {
  WriteText(folder_ / "passphrase", "another\n");
  std::vector<VerifyArguments> runs{Arguments(original_directory(), /*full=*/true, true, true)};
  WriteText(folder_ / "head", original().checkpoint() + " ");
  runs.push_back(Arguments(original_directory(), /*full=*/false, true, true));
  for (const Verdict& verdict : BothVerifyAll(runs)) EXPECT_EQ(verdict.exit_code, 2);
}

}  // namespace
}  // namespace turret::test
