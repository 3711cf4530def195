// How index keys are made, and what names are compared by.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/base/ids.h"

namespace turret::index {

inline constexpr size_t kTokenBytes = 16;
inline constexpr size_t kTimeBytes = 8;
inline constexpr size_t kWhenBytes =
    kTimeBytes + kIdBytes;  // start | call id: how every list of calls is ordered.

inline constexpr std::string_view kZeroId("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", kIdBytes);

inline constexpr std::string_view kPositionKey = "position";
inline constexpr std::string_view kFormatKey = "format";
inline constexpr std::string_view kNewestEnrolmentKey = "enrolment";

/// Raw bytes of an id in a message that may be malformed.
inline bool IsId(std::string_view raw) { return raw.size() == kIdBytes; }

std::string U64Key(uint64_t value);
uint64_t U64From(std::string_view raw);  // 0 unless 8 bytes.
/// Times before 1970 sort as 1970.
std::string TimeKey(int64_t utc_ns);

template <class... Parts>
std::string Join(const Parts&... parts) {
  std::string key;
  key.reserve((std::string_view(parts).size() + ...));
  (key.append(std::string_view(parts)), ...);
  return key;
}

/// First 16 bytes of HMAC-SHA-256(token key, text).
std::string Token(Bytes token_key, std::string_view text);

/// What a party is found by: its name; its aor without scheme, brackets and parameters; the aor's user part.
/// Normalised, sorted, each once, none empty.
std::vector<std::string> PartyTerms(std::string_view name, std::string_view aor);
/// What a query for a party is looked up as: one of those terms.
std::string PartyQueryTerm(std::string_view query);

}  // namespace turret::index
