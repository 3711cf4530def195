#include "tests/storage/verify/verify_fixture.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "storage/base/digest.h"

namespace turret::test {
namespace fs = std::filesystem;

TemporaryFolder* VerifyTest::folder_ = nullptr;
RecordedArchive* VerifyTest::original_ = nullptr;

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void WriteText(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(text.data(), static_cast<std::streamsize>(text.size()));
}

std::vector<Buffer> ReadRecords(const std::string& path) {
  const std::string text = ReadText(path);
  std::vector<Buffer> payloads;
  for (size_t at = 8; at + 12 <= text.size();) {
    const size_t bytes = LoadU32(AsBytes(text).subspan(at));
    payloads.push_back(ToBuffer(AsBytes(text).subspan(at + 4, bytes)));
    at += bytes + 12;
  }
  return payloads;
}

void WriteRecords(const std::string& path, std::string_view magic, const std::vector<Buffer>& payloads) {
  Buffer file = ToBuffer(AsBytes(magic));
  for (const Buffer& payload : payloads) {
    Buffer record;
    StoreU32(record, static_cast<uint32_t>(payload.size()));
    Append(record, payload);
    const Digest check = Sha256(record);
    Append(record, Bytes(check).first(8));
    Append(file, record);
  }
  WriteText(path, AsText(file));
}

void VerifyTest::SetUpTestSuite() {
  folder_ = new TemporaryFolder;
  original_ = new RecordedArchive(original_directory(), Seed(1));
  original_->Close();
}

void VerifyTest::TearDownTestSuite() {
  delete original_;
  delete folder_;
}

std::string VerifyTest::original_directory() { return *folder_ / "archive"; }

VerifyTest::VerifyTest() : directory_(copies_ / "archive") { Restore(); }

void VerifyTest::Restore() {
  fs::remove_all(directory_);
  fs::copy(original_directory(), directory_, fs::copy_options::recursive);
}

std::vector<std::string> VerifyTest::Files(const std::string& folder) const {
  std::vector<std::string> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(Path(folder)))
    if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(directory_).string());
  std::ranges::sort(files);
  return files;
}

verify::Report VerifyTest::Verify(const VerifyRun& run) const {
  verify::Options options;
  options.archive = directory_;
  options.key = *verify::ReadPublicKey(original_->public_key_hex());
  options.at_rest = run.at_rest;
  if (run.full) options.passphrase = RecordedArchive::kPassphrase;
  std::string why;
  if (run.with_head) options.trusted = verify::ReadHead(original_->checkpoint(), options.key, why);
  EXPECT_EQ(options.trusted.has_value(), run.with_head) << why;
  verify::Report report;
  EXPECT_TRUE(verify::Verify(options, report).passphrase_opened);
  return report;
}

std::string VerifyTest::Told(const verify::Report& report) {
  std::string text;
  for (const verify::Finding& finding : report.findings())
    text += verify::ToText(finding.place) + ": " + finding.what + "\n";
  return text;
}

::testing::AssertionResult VerifyTest::Names(const verify::Report& report,
                                             const std::vector<std::string>& parts) {
  for (const verify::Finding& finding : report.findings()) {
    const std::string text = verify::ToText(finding.place) + ": " + finding.what;
    if (std::ranges::all_of(parts,
                            [&](const std::string& part) { return text.find(part) != std::string::npos; }))
      return ::testing::AssertionSuccess();
  }
  std::string wanted;
  for (const std::string& part : parts) wanted += "\"" + part + "\" ";
  return ::testing::AssertionFailure() << "no finding names " << wanted << "in:\n" << Told(report);
}

}  // namespace turret::test
