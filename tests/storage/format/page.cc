#include "tests/storage/format/page.h"

#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>

#include "fmt/format.h"
#include "gtest/gtest.h"

namespace turret::test {
namespace {

constexpr size_t kLineDigits = 96;

std::string Page() {
  std::ifstream file(TURRET_FORMAT_PAGE);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Nullopt when the page has no such block.
std::optional<std::string> Block(const std::string& kind, const std::string& name) {
  const std::string page = Page();
  const std::string opening = fmt::format("\n```{} {}\n", kind, name);
  const size_t begin = page.find(opening);
  if (begin == std::string::npos) return std::nullopt;
  const size_t end = page.find("```", begin + opening.size());
  return page.substr(begin + opening.size(), end - begin - opening.size());
}

void WriteForPage(const std::string& name, const std::string& text) {
  const char* const directory = std::getenv("TURRET_FORMAT_OUT");
  if (directory != nullptr) std::ofstream(fmt::format("{}/{}", directory, name)) << text;
}

}  // namespace

std::string TextOnPage(const std::string& name) {
  for (const char* kind : {"hex", "text"})
    if (const std::optional<std::string> text = Block(kind, name)) return *text;
  ADD_FAILURE() << "FORMAT.md has no example " << name;
  return "";
}

Buffer OnPage(const std::string& name) {
  std::string digits = TextOnPage(name);
  std::erase_if(digits, [](char c) { return c == ' ' || c == '\n'; });
  const std::optional<Buffer> bytes = FromHex(digits);
  EXPECT_TRUE(bytes.has_value()) << name;
  return bytes.value_or(Buffer());
}

SecretKey KeyOnPage(const std::string& name) { return SecretKey::From(OnPage(name)).value(); }

void ExpectOnPage(const std::string& name, Bytes made) {
  const std::string hex = ToHex(made);
  std::string lines;
  for (size_t at = 0; at < hex.size(); at += kLineDigits) lines += hex.substr(at, kLineDigits) + "\n";
  WriteForPage(name, lines);
  EXPECT_EQ(TextOnPage(name), lines) << name;
}

void ExpectTextOnPage(const std::string& name, const std::string& made) {
  WriteForPage(name, made);
  EXPECT_EQ(TextOnPage(name), made) << name;
}

}  // namespace turret::test
