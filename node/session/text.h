// Text from outside, made fit for messages that hold UTF-8 only.
#pragma once

#include <string>
#include <string_view>

namespace turret::node {

inline constexpr size_t kTextBytesMax = 256;

/// `text` as UTF-8 of at most `bytes_max` bytes: what is not UTF-8 becomes U+FFFD, controls become spaces,
/// and a cut is made between characters.
std::string CleanText(std::string_view text, size_t bytes_max = kTextBytesMax);

/// ASCII only.
std::string LowerCase(std::string_view text);
std::string_view Trim(std::string_view text);
bool ContainsIgnoringCase(std::string_view text, std::string_view word);

}  // namespace turret::node
