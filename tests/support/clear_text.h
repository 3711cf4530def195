// A search for what must be nowhere in clear.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace turret::test {

/// Every file under `folder` that holds `secret` as it is, in hex or in base64 (at any alignment), with how:
/// "books/mifid/2026-11-02.book: hex". A file that cannot be read counts as one that holds it.
std::vector<std::string> FindUnder(const std::string& folder, std::string_view secret);

}  // namespace turret::test
