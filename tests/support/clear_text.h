// A search for what must be nowhere in clear.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace turret::test {

/// Every file under `folder` that holds `secret` as it is, in hex, in base64 (at any
/// alignment) or in UTF-16 (a text of one-byte characters), with how:
/// "books/mifid/2026-11-02.book: hex". A file that cannot be read counts as one that holds it.
std::vector<std::string> FindUnder(const std::string& folder, std::string_view secret);

/// Copies what holds anything of a file that is mostly zeros, a core or swap file: its pages, in order.
/// Aborts when it cannot.
void CopyPages(const std::string& from, const std::string& to);

}  // namespace turret::test
