// The structure that the design promises, held by a test.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <regex>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "storage/base/bytes.h"
#include "storage/base/digest.h"

namespace turret {
namespace {

namespace fs = std::filesystem;

struct Source {
  std::string path;  // Relative to the repository.
  std::vector<std::string> lines;
};

std::vector<Source> SourcesUnder(const std::string& folder) {
  std::vector<Source> sources;
  const fs::path root = TURRET_SOURCE_DIR;
  for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
    const std::string extension = entry.path().extension();
    if (!entry.is_regular_file() || (extension != ".cc" && extension != ".h")) continue;
    Source source{fs::relative(entry.path(), root).string(), {}};
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) source.lines.push_back(line);
    sources.push_back(std::move(source));
  }
  return sources;
}

const std::vector<std::string> kProgramFolders = {"proto", "storage", "monitoring", "node", "coordinator"};

void ForEachInclude(const std::string& folder,
                    const std::function<void(const Source&, const std::string&)>& visit) {
  static const std::regex kInclude(R"(^\s*#include\s+[<"]([^>"]+)[>"])");
  for (const Source& source : SourcesUnder(folder))
    for (const std::string& line : source.lines) {
      std::smatch match;
      if (std::regex_search(line, match, kInclude)) visit(source, match[1]);
    }
}

bool StartsWithAny(const std::string& text, const std::vector<std::string>& prefixes) {
  for (const std::string& prefix : prefixes)
    if (text.rfind(prefix, 0) == 0) return true;
  return false;
}

void ExpectNoInclude(const std::string& folder, const std::vector<std::string>& banned,
                     const std::string& instead) {
  ForEachInclude(folder, [&](const Source& source, const std::string& header) {
    EXPECT_FALSE(StartsWithAny(header, banned)) << source.path << " includes " << header << ": " << instead;
  });
}

TEST(Architecture, NodeAndCoordinatorNeverIncludeEachOther) {
  ExpectNoInclude("node", {"coordinator/"}, "move the shared part to proto/ or storage/");
  ExpectNoInclude("coordinator", {"node/"}, "move the shared part to proto/ or storage/");
}

TEST(Architecture, StorageKnowsNoNetwork) {
  ExpectNoInclude("storage",
                  {"grpc", "sofia", "sys/socket.h", "netinet/", "arpa/", "proto/rpc", "node/", "coordinator/",
                   "monitoring/"},
                  "storage only knows files");
}

TEST(Architecture, MonitoringUsesOnlyTheBaseOfStorage) {
  ExpectNoInclude(
      "monitoring",
      {"node/", "coordinator/", "storage/key", "storage/ledger", "storage/volume", "storage/index"},
      "metrics are at the bottom");
}

TEST(Architecture, TheVerifierSharesNoCodeWithTheWriter) {
  ForEachInclude("storage/verify", [&](const Source& source, const std::string& header) {
    const bool ours =
        StartsWithAny(header, {"proto/", "storage/", "monitoring/", "node/", "coordinator/", "tests/"});
    EXPECT_TRUE(!ours || StartsWithAny(header, {"storage/verify/"})) << source.path << " includes " << header;
  });
}

TEST(Architecture, TheNodeLinksNothingThatOpensTheArchive) {
  ExpectNoInclude("node",
                  {"storage/key/key_", "storage/key/root.h", "storage/ledger/", "storage/volume/",
                   "storage/index/", "rocksdb/"},
                  "a node seals to the intake key and opens nothing");
}

TEST(Architecture, TimeAndRandomnessEnterThroughTheirAdaptersOnly) {
  const std::regex banned(
      R"(absl::Now\(|(system|steady|high_resolution)_clock::now|std::random_device|[^a-z_]s?rand\(|sleep_for|SleepFor|usleep\()");
  for (const std::string& folder : kProgramFolders)
    for (const Source& source : SourcesUnder(folder)) {
      // The verifier shares no code with the writer, so it has no Clock; it looks again at a running archive.
      if (StartsWithAny(source.path, {"storage/verify/"})) continue;
      for (size_t i = 0; i < source.lines.size(); ++i)
        EXPECT_FALSE(std::regex_search(source.lines[i], banned))
            << source.path << ":" << i + 1 << ": use Clock or Random (storage/base): " << source.lines[i];
    }
}

TEST(Architecture, NothingIsLeftForLaterInTheSources) {
  const std::regex banned(R"(\b(TODO|FIXME|XXX|HACK)\b)");
  for (const std::string& folder : kProgramFolders)
    for (const Source& source : SourcesUnder(folder))
      for (size_t i = 0; i < source.lines.size(); ++i)
        EXPECT_FALSE(std::regex_search(source.lines[i], banned)) << source.path << ":" << i + 1;
}

TEST(Architecture, AFileHasOneSubjectAndFitsInThreeHundredAndFiftyLines) {
  for (const std::string& folder : kProgramFolders)
    for (const Source& source : SourcesUnder(folder))
      EXPECT_LE(source.lines.size(), 350U) << source.path << ": which is the second subject in it?";
}

std::string Content(const std::string& path) {
  std::ifstream file(fs::path(TURRET_SOURCE_DIR) / path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Architecture, TheReadmePublishesTheHashOfTheVerifyScript) {
  const std::string script = Content("coordinator/export/verify.sh");
  ASSERT_FALSE(script.empty());
  EXPECT_NE(Content("README.md").find(ToHex(Sha256(AsBytes(script)))), std::string::npos)
      << "write " << ToHex(Sha256(AsBytes(script))) << " into the README";
}

TEST(Architecture, TheTopLevelIsExactlyWhatTheReadmeSays) {
  const std::vector<std::string> allowed = {
      "CMakeLists.txt", "CMakePresets.json", "proto",        "node",        "coordinator",
      "storage",        "monitoring",        "tests",        "deploy",      "README.md",
      "LICENSE",        "CONTRIBUTING.md",   "CHANGELOG.md", "SECURITY.md", "build"};
  for (const auto& entry : fs::directory_iterator(TURRET_SOURCE_DIR)) {
    const std::string name = entry.path().filename();
    if (name.front() == '.') continue;
    EXPECT_NE(std::find(allowed.begin(), allowed.end(), name), allowed.end()) << name;
  }
}

}  // namespace
}  // namespace turret
