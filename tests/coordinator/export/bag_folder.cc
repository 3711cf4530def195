#include "tests/coordinator/export/bag_folder.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fmt/format.h"
#include "storage/base/bytes.h"
#include "storage/base/digest.h"

namespace turret::test {
namespace fs = std::filesystem;

coordinator::ExportSink BagFolder::Sink() {
  return [this, current = std::string()](const v1::ExportChunk& chunk) mutable {
    const bool begins = !chunk.path().empty();
    if (begins) {
      current = Path(chunk.path());
      fs::create_directories(fs::path(current).parent_path());
    }
    std::ofstream(current, std::ios::binary | (begins ? std::ios::trunc : std::ios::app))
        .write(chunk.data().data(), static_cast<std::streamsize>(chunk.data().size()));
    return absl::OkStatus();
  };
}

std::string BagFolder::Read(const std::string& file) const {
  std::ifstream in(Path(file), std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void BagFolder::Write(const std::string& file, const std::string& content) const {
  std::ofstream(Path(file), std::ios::binary | std::ios::trunc)
      .write(content.data(), static_cast<std::streamsize>(content.size()));
}

std::vector<std::string> BagFolder::Files() const {
  std::vector<std::string> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path_))
    if (entry.is_regular_file()) files.push_back(entry.path().lexically_relative(path_).string());
  std::ranges::sort(files);
  return files;
}

void BagFolder::SignAgain(const coordinator::ExportSigner& signer) const {
  std::string payload;
  std::string tags;
  const auto line = [this](const std::string& file) {
    return fmt::format("{}  {}\n", ToHex(Sha256(AsBytes(Read(file)))), file);
  };
  for (const std::string& file : Files())
    if (file.starts_with("data/")) payload += line(file);
  Write("manifest-sha256.txt", payload);
  for (const std::string& file : Files())
    if (!file.starts_with("data/") && file != "tagmanifest-sha256.txt" && file != "signature.p7s")
      tags += line(file);
  Write("tagmanifest-sha256.txt", tags);
  Write("signature.p7s", ToString(*signer.Sign(AsBytes(tags), 1'790'000'000'000'000'000)));
}

CommandResult BagFolder::Verify(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(),
                   {"/usr/bin/env", "-i", "PATH=/usr/bin:/bin", "dash", Path("verify.sh")});
  return Run(arguments);
}

}  // namespace turret::test
