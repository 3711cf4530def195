// The first line of the input is the Content-Type, the rest the body.
#include <algorithm>
#include <cstdlib>

#include "node/session/multipart.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t line = std::min(input.find('\n'), input.size());
  const std::string_view body = input.substr(std::min(line + 1, input.size()));
  bool odd = false;
  const auto parts = turret::node::SplitBody(input.substr(0, line), body, odd);
  size_t bytes = 0;
  for (const auto& part : parts) bytes += part.body.size();
  if (parts.size() > turret::node::kBodyPartsMax + 1 || bytes > body.size()) std::abort();
  if (parts.empty() && !odd && !body.empty()) std::abort();  // Nothing may get lost without a word.
  return 0;
}
