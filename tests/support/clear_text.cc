#include "tests/support/clear_text.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "fmt/format.h"
#include "storage/base/bytes.h"
#include "storage/base/file.h"

namespace turret::test {
namespace {

constexpr size_t kPageBytes = 4096;

struct Pattern {
  std::string how;
  std::string text;
};

// The characters that `secret` alone decides when it stands `before` bytes behind a multiple of three.
std::string Base64(std::string_view secret, size_t before) {
  const std::string whole = std::string(before, '\0') + std::string(secret);
  std::string encoded((whole.size() + 2) / 3 * 4 + 1, '\0');
  EVP_EncodeBlock(reinterpret_cast<uint8_t*>(encoded.data()), AsBytes(whole).data(),
                  static_cast<int>(whole.size()));
  const size_t begin = (before * 8 + 5) / 6;
  return encoded.substr(begin, whole.size() * 8 / 6 - begin);
}

std::vector<Pattern> PatternsOf(std::string_view secret) {
  std::string hex = ToHex(AsBytes(secret));
  std::vector<Pattern> patterns = {{"as it is", std::string(secret)}, {"hex", hex}};
  std::ranges::transform(hex, hex.begin(), [](unsigned char digit) { return std::toupper(digit); });
  patterns.push_back({"hex", hex});
  for (size_t before = 0; before < 3; ++before) {
    std::string base64 = Base64(secret, before);
    patterns.push_back({"base64", base64});
    std::ranges::replace(base64, '+', '-');
    std::ranges::replace(base64, '/', '_');
    patterns.push_back({"base64", base64});
  }
  std::string utf16;
  for (const char c : secret) utf16 += {c, '\0'};
  utf16.pop_back();  // Either order of bytes has this in it.
  patterns.push_back({"UTF-16", utf16});
  return patterns;
}

}  // namespace

std::vector<std::string> FindUnder(const std::string& folder, std::string_view secret) {
  PosixEnvironment environment;
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const std::string name = std::filesystem::relative(entry.path(), folder);
    const absl::StatusOr<Buffer> content = environment.ReadAll(entry.path());
    if (absl::IsNotFound(content.status())) continue;  // Replaced meanwhile.
    if (!content.ok()) {
      found.push_back(fmt::format("{}: not readable", name));
      continue;
    }
    for (const Pattern& pattern : PatternsOf(secret)) {
      if (AsText(*content).find(pattern.text) == std::string_view::npos) continue;
      found.push_back(fmt::format("{}: {}", name, pattern.how));
      break;
    }
  }
  return found;
}

void CopyPages(const std::string& from, const std::string& to) {
  std::ifstream in(from, std::ios::binary);
  std::ofstream out(to, std::ios::binary);
  const std::string zeros(kPageBytes, '\0');
  std::string page = zeros;
  while (in.read(page.data(), kPageBytes) || in.gcount() > 0) {
    page.resize(static_cast<size_t>(in.gcount()));
    if (page != zeros) out << page;
    page.resize(kPageBytes);
  }
  if (!out.flush() || !in.eof()) std::abort();
}

}  // namespace turret::test
