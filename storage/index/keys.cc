#include "storage/index/keys.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "storage/base/digest.h"
#include "storage/index/index.h"

namespace turret {
namespace {

/// Length of the UTF-8 sequence that `text` starts with, and its code point; 1 and 0 when it is not UTF-8.
std::pair<size_t, uint32_t> FirstCodePoint(std::string_view text) {
  const auto byte = [&](size_t at) { return static_cast<uint8_t>(text[at]); };
  const size_t bytes = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : byte(0) >= 0xC0 ? 2 : 1;
  if (bytes == 1 || bytes > text.size()) return {1, 0};
  uint32_t code_point = byte(0) & (0x7FU >> bytes);
  for (size_t at = 1; at < bytes; ++at) {
    if ((byte(at) & 0xC0U) != 0x80) return {1, 0};
    code_point = code_point << 6 | (byte(at) & 0x3FU);
  }
  return {bytes, code_point};
}

/// Punctuation, symbols and spaces that people and devices put into names.
bool IsUnicodePunctuation(uint32_t code_point) {
  if (code_point >= 0x80 && code_point <= 0xBF)
    return code_point != 0xAA && code_point != 0xB5 && code_point != 0xBA;  // ª µ º are letters.
  return code_point == 0xD7 || code_point == 0xF7 || (code_point >= 0x2000 && code_point <= 0x206F) ||
         (code_point >= 0x3000 && code_point <= 0x3004) || (code_point >= 0x3008 && code_point <= 0x3020) ||
         code_point == 0xFEFF;
}

}  // namespace

std::string NormaliseName(std::string_view name) {
  std::string out;
  out.reserve(name.size());
  while (!name.empty()) {
    size_t bytes = 1;
    if (static_cast<uint8_t>(name[0]) < 0x80) {
      if (absl::ascii_isalnum(static_cast<unsigned char>(name[0])))
        out.push_back(absl::ascii_tolower(static_cast<unsigned char>(name[0])));
    } else {
      uint32_t code_point = 0;
      std::tie(bytes, code_point) = FirstCodePoint(name);
      if (!IsUnicodePunctuation(code_point)) out.append(name.substr(0, bytes));
    }
    name.remove_prefix(bytes);
  }
  return out;
}

namespace index {
namespace {

/// An aor without display name, brackets, scheme, parameters and headers; anything else as it is.
std::string_view BareAddress(std::string_view text) {
  if (const size_t open = text.find('<'); open != std::string_view::npos) {
    text.remove_prefix(open + 1);
    text = text.substr(0, text.find('>'));
  }
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  bool is_address = text.find('@') != std::string_view::npos;
  for (const std::string_view scheme : {"sips:", "sip:", "tel:"}) {
    if (text.size() < scheme.size() ||
        absl::AsciiStrToLower(std::string(text.substr(0, scheme.size()))) != scheme)
      continue;
    text.remove_prefix(scheme.size());
    is_address = true;
    break;
  }
  return is_address ? text.substr(0, text.find_first_of(";?")) : text;
}

}  // namespace

std::string U64Key(uint64_t value) {
  std::string key(8, '\0');
  for (size_t at = 0; at < 8; ++at) key[at] = static_cast<char>(value >> (56 - 8 * at));
  return key;
}

uint64_t U64From(std::string_view raw) { return raw.size() == 8 ? LoadU64(AsBytes(raw)) : 0; }

std::string TimeKey(int64_t utc_ns) { return U64Key(static_cast<uint64_t>(std::max<int64_t>(utc_ns, 0))); }

std::string Token(Bytes token_key, std::string_view text) {
  const Digest digest = HmacSha256(token_key, AsBytes(text));
  return ToString(Bytes(digest).first(kTokenBytes));
}

std::vector<std::string> PartyTerms(std::string_view name, std::string_view aor) {
  const std::string_view address = BareAddress(aor);
  std::vector<std::string> terms = {NormaliseName(name), NormaliseName(address),
                                    NormaliseName(address.substr(0, address.find('@')))};
  std::sort(terms.begin(), terms.end());
  terms.erase(std::unique(terms.begin(), terms.end()), terms.end());
  if (terms.front().empty()) terms.erase(terms.begin());
  return terms;
}

std::string PartyQueryTerm(std::string_view query) { return NormaliseName(BareAddress(query)); }

}  // namespace index
}  // namespace turret
