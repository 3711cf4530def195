// MIME bodies of SIP requests (RFC 2046, RFC 5621): tolerant, bounded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace turret::node {

inline constexpr size_t kBodyBytesMax = size_t{256} * 1024;
inline constexpr size_t kBodyPartsMax = 16;

struct BodyPart {
  std::string content_type;  // Lower case, without parameters; empty: none was given.
  std::string body;
};

/// Splits a body. One that is not multipart is one part. A broken multipart gives what could be told apart;
/// `odd` is set then.
std::vector<BodyPart> SplitBody(std::string_view content_type, std::string_view body, bool& odd);

}  // namespace turret::node
