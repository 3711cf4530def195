// An export proves itself to somebody who has a shell, openssl and sha256sum, and nothing of ours (R17).
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <sstream>

#include "coordinator/export/metadata.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "storage/base/digest.h"
#include "tests/coordinator/export/bag_folder.h"
#include "tests/coordinator/export/recorded_archive.h"

namespace turret::test {
namespace {
namespace fs = std::filesystem;
using coordinator::ExportSigner;

class ExportTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    archive_ = new RecordedArchive(*folder_ / "archive", Seed(11));
    const absl::Status status = Export(*folder_ / "bag");
    ASSERT_TRUE(status.ok()) << status;
  }
  static void TearDownTestSuite() {
    delete archive_;
    delete folder_;
  }
  ExportTest() { fs::copy(*folder_ / "bag", copy_ / "bag", fs::copy_options::recursive); }

  static v1::ExportRequest Request() {
    v1::ExportRequest request;
    request.set_reason("request 4711 of the authority");
    for (const RecordedCall& call : archive_->calls()) request.add_call_ids(call.id.ToProto());
    return request;
  }
  static absl::Status Export(const std::string& path) {
    BagFolder bag(path);
    return coordinator::Export(archive_->archive(), Request(), "Carol Compliance", std::string(64, 'c'),
                               bag.Sink());
  }
  static std::vector<std::string> Pins() {
    return {"--ledger-key", archive_->public_key_hex(), "--certificate",
            *coordinator::ExportCertificateDigest(archive_->archive())};
  }
  static ExportSigner Insider() { return *ExportSigner::Open(archive_->archive().key_tree(), "", 0); }
  CommandResult VerifyForged() {
    bag_.SignAgain(Insider());
    return bag_.Verify(Pins());
  }

  static TemporaryFolder* folder_;
  static RecordedArchive* archive_;
  TemporaryFolder copy_;
  BagFolder bag_{copy_ / "bag"};
};
TemporaryFolder* ExportTest::folder_ = nullptr;
RecordedArchive* ExportTest::archive_ = nullptr;

TEST_F(ExportTest, TheBagVerifiesInACleanEnvironmentPinnedOrNot) {
  const CommandResult pinned = bag_.Verify(Pins());
  EXPECT_EQ(pinned.exit_code, 0) << pinned.out << pinned.err;
  EXPECT_NE(pinned.out.find("VERIFIED"), std::string::npos);
  EXPECT_EQ(pinned.out.find("NOT PINNED"), std::string::npos) << pinned.out;
  const CommandResult alone = bag_.Verify();
  EXPECT_EQ(alone.exit_code, 0) << alone.out << alone.err;
  EXPECT_NE(alone.out.find("NOT PINNED"), std::string::npos) << alone.out;
  EXPECT_NE(alone.out.find(coordinator::VerifyScriptDigest()), std::string::npos) << alone.out;
}

TEST_F(ExportTest, AnotherKeyOrCertificateThanThePinnedOneFails) {
  EXPECT_EQ(bag_.Verify({"--ledger-key", std::string(64, 'a')}).exit_code, 1);
  EXPECT_EQ(bag_.Verify({"--certificate", std::string(64, 'a')}).exit_code, 1);
  EXPECT_EQ(bag_.Verify({"--ledger-key"}).exit_code, 2);
  EXPECT_EQ(bag_.Verify({"--no-such"}).exit_code, 2);
}

TEST_F(ExportTest, AChangedByteInAnyFileFails) {
  const uint64_t seed = Seed(12);
  SCOPED_TRACE(SeedTrace(seed));
  std::mt19937_64 random(seed);
  for (const std::string& file : bag_.Files()) {
    const std::string content = bag_.Read(file);
    if (file == "verify.sh" || content.empty()) continue;
    std::string changed = content;
    const size_t at = random() % content.size();
    changed[at] = static_cast<char>(changed[at] ^ (1 + random() % 255));
    bag_.Write(file, changed);
    const CommandResult result = bag_.Verify();
    EXPECT_EQ(result.exit_code, 1) << file << " byte " << at << "\n" << result.out;
    bag_.Write(file, content);
  }
  EXPECT_EQ(bag_.Verify().exit_code, 0);
}

TEST_F(ExportTest, NoByteOfTheSignatureIsFree) {
  const uint64_t seed = Seed(15);
  SCOPED_TRACE(SeedTrace(seed));
  constexpr size_t kStride = 5;  // Other bytes with another seed.
  const std::string content = bag_.Read("signature.p7s");
  for (size_t at = seed % kStride; at < content.size(); at += kStride) {
    std::string changed = content;
    changed[at] = static_cast<char>(changed[at] ^ (1 << at % 8));
    bag_.Write("signature.p7s", changed);
    EXPECT_EQ(bag_.Verify().exit_code, 1) << "byte " << at;
  }
}

TEST_F(ExportTest, AFileTooManyOrMissingFails) {
  bag_.Write("data/extra.wav", "RIFF");
  EXPECT_EQ(bag_.Verify().exit_code, 1);
  fs::remove(bag_.Path("data/extra.wav"));
  fs::create_symlink("/etc/passwd", bag_.Path("data/link"));
  EXPECT_EQ(bag_.Verify().exit_code, 1);
  fs::remove(bag_.Path("data/link"));
  std::mt19937_64 random(Seed(16));
  for (const std::string& file : bag_.Files()) {
    if (file == "verify.sh" || (file.starts_with("data/proof/") && random() % 8 != 0)) continue;
    const std::string content = bag_.Read(file);
    fs::remove(bag_.Path(file));
    EXPECT_EQ(bag_.Verify().exit_code, 1) << file;
    bag_.Write(file, content);
  }
}

// Everything that is proven fails although the insider signed the manifests again.
TEST_F(ExportTest, AnInsiderWithTheExportKeyCannotForgeWhatIsProven) {
  const uint64_t seed = Seed(13);
  SCOPED_TRACE(SeedTrace(seed));
  std::mt19937_64 random(seed);
  int forged = 0;
  for (const std::string& file : bag_.Files()) {
    const bool proven = file.ends_with(".plain") || file.ends_with(".leaf") || file.ends_with(".body") ||
                        file.ends_with(".payload") || file.ends_with("head.txt");
    if (!proven || (!file.ends_with("head.txt") && random() % 8 != 0)) continue;
    const std::string content = bag_.Read(file);
    std::string changed = content;
    const size_t at = random() % content.size();
    changed[at] = static_cast<char>(changed[at] ^ (1 + random() % 255));
    bag_.Write(file, changed);
    const CommandResult result = VerifyForged();
    EXPECT_EQ(result.exit_code, 1) << file << " byte " << at << "\n" << result.out;
    EXPECT_NE(result.out.find("signature of the export certificate"), std::string::npos)
        << result.out << result.err;
    bag_.Write(file, content);
    ++forged;
  }
  EXPECT_GT(forged, 8);
  EXPECT_EQ(VerifyForged().exit_code, 0);
}

TEST_F(ExportTest, AnInsiderCannotReplaceFramesOrLeaveOutASegment) {
  const std::string pages = bag_.Read("data/proof/pages.txt");
  std::string stream;
  uint64_t offset = 0;
  std::istringstream(pages) >> stream >> offset;
  for (const std::string& file : bag_.Files()) {
    if (!file.ends_with(".opus")) continue;
    const std::string content = bag_.Read(file);
    std::string changed = content;
    changed[offset] = static_cast<char>(changed[offset] ^ 1);
    bag_.Write(file, changed);
    const CommandResult result = VerifyForged();
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_NE(result.err.find("Opus frames"), std::string::npos) << result.err;
    bag_.Write(file, content);
  }
  // The last segment of the first stream, with its line, its files, and the count in the list.
  const std::string segments = bag_.Read("data/proof/segments.txt");
  const std::string streams = bag_.Read("data/proof/streams.txt");
  const RecordedStream& cut = archive_->calls()[0].streams[0];
  const std::string last = fmt::format("{} {} ", cut.id.ToHex(), cut.segments.size() - 1);
  const size_t begin = segments.find(last);
  ASSERT_NE(begin, std::string::npos);
  std::string fewer = segments;
  fewer.erase(begin, segments.find('\n', begin) + 1 - begin);
  bag_.Write("data/proof/segments.txt", fewer);
  std::string count = streams;
  const std::string old_count = fmt::format("payload {} ", cut.segments.size());
  count.replace(count.find(old_count), old_count.size(), fmt::format("payload {} ", cut.segments.size() - 1));
  bag_.Write("data/proof/streams.txt", count);
  const CommandResult result = VerifyForged();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("another number of segments"), std::string::npos) << result.err;
}

TEST_F(ExportTest, AnotherCertificateIsNotTheOneThatTheLedgerNames) {
  TemporaryFolder folder;
  RecordedArchive other(folder / "archive", Seed(14));
  const ExportSigner stranger = *ExportSigner::Open(other.archive().key_tree(), "", 0);
  bag_.Write("export-certificate.pem", stranger.certificate_pem());
  bag_.SignAgain(stranger);
  const CommandResult result = bag_.Verify({"--ledger-key", archive_->public_key_hex()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("does not name the export certificate"), std::string::npos) << result.err;
}

TEST_F(ExportTest, PayloadFilesAreWhatWasSent) {
  for (const RecordedCall& call : archive_->calls())
    for (const RecordedStream& stream : call.streams) {
      std::string media;
      for (const MadeSegment& segment : stream.segments) media += ToString(segment.media);
      const std::string file =
          fmt::format("data/calls/{}/stream-{}.payload", call.id.ToHex(), stream.id.ToHex());
      if (stream.segments[0].body.media() == v1::SegmentBody::PAYLOAD) EXPECT_EQ(bag_.Read(file), media);
    }
}

TEST_F(ExportTest, EveryCallHasAudioMetadataAndItsGaps) {
  const std::string gaps = bag_.Read("data/gaps.csv");
  const std::string calls = bag_.Read("data/calls.csv");
  for (const RecordedCall& call : archive_->calls()) {
    const std::string folder = "data/calls/" + call.id.ToHex() + "/";
    EXPECT_GT(bag_.Read(folder + "audio.wav").size(), 44u);
    EXPECT_GT(bag_.Read(folder + "channel-1.wav").size(), 44u);
    const auto json = nlohmann::json::parse(bag_.Read(folder + "metadata.json"));
    EXPECT_EQ(json["call_id"], call.id.ToHex());
    EXPECT_EQ(json["streams"].size(), call.streams.size());
    EXPECT_EQ(json["gaps"].size(), 1u);
    EXPECT_TRUE(json["audio"]["unsure_places"].empty());
    EXPECT_EQ(json["traders"][0], "Ben Brandt");
    EXPECT_NE(gaps.find(call.id.ToHex()), std::string::npos);
    EXPECT_NE(calls.find(call.id.ToHex()), std::string::npos);
  }
  EXPECT_NE(bag_.Read("bag-info.txt").find("Internal-Sender-Description: request 4711"), std::string::npos);
}

TEST_F(ExportTest, WithoutAReasonOrWithAnUnknownCallNothingLeaves) {
  TemporaryFolder folder;
  BagFolder bag(folder / "bag");
  const auto export_of = [&](const v1::ExportRequest& request) {
    return coordinator::Export(archive_->archive(), request, "Carol", "", bag.Sink());
  };
  v1::ExportRequest no_reason = Request();
  no_reason.set_reason(" \n");
  EXPECT_TRUE(absl::IsInvalidArgument(export_of(no_reason)));
  v1::ExportRequest no_calls = Request();
  no_calls.clear_call_ids();
  EXPECT_TRUE(absl::IsInvalidArgument(export_of(no_calls)));
  v1::ExportRequest unknown = Request();
  unknown.add_call_ids(std::string(16, 'x'));
  const absl::Status status = export_of(unknown);
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_NE(status.message().find(ToHex(AsBytes(std::string(16, 'x')))), absl::string_view::npos);
  EXPECT_FALSE(fs::exists(folder / "bag"));
}

TEST(CallJson, SaysWhichAudioHasNoProvenTime) {
  v1::UnsurePlace place;
  place.set_stream_id(std::string(16, '\x12'));
  place.set_first_segment(3);
  place.set_end_segment(5);
  place.mutable_placed()->set_begin_utc_ns(1'790'000'000'000'000'000);
  const auto json = nlohmann::json::parse(coordinator::CallJson({}, {}, {0, {"Ben"}, {place}}));
  EXPECT_EQ(json["audio"]["unsure_places"].size(), 1u);
  EXPECT_EQ(json["audio"]["unsure_places"][0]["first_segment"], 3);
  EXPECT_EQ(json["audio"]["unsure_places"][0]["begin_utc"], "2026-09-21T14:13:20.000000000Z");
}

TEST(CsvField, IsQuotedAndNeverAFormula) {
  EXPECT_EQ(coordinator::CsvField("plain"), "plain");
  EXPECT_EQ(coordinator::CsvField("a,\"b\""), "\"a,\"\"b\"\"\"");
  EXPECT_EQ(coordinator::CsvField("=1+1"), "'=1+1");
  EXPECT_EQ(coordinator::CsvField("line\nbreak"), "\"line\nbreak\"");
}

TEST(VerifyScript, IsEmbeddedByteForByte) {
  EXPECT_EQ(coordinator::VerifyScriptDigest(), ToHex(Sha256(AsBytes(ReadFileOrEmpty(TURRET_VERIFY_SCRIPT)))));
}

}  // namespace
}  // namespace turret::test
