// An offer that can be read is answered with as many m-lines, each ended by CRLF, none with a line of the
// offer's own making.
#include <cstdlib>

#include "node/session/sdp.h"

namespace {

size_t Count(std::string_view text, std::string_view word) {
  size_t count = 0;
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto offer = turret::node::ParseSdp({reinterpret_cast<const char*>(data), size});
  if (!offer.ok()) return 0;
  std::vector<std::optional<uint16_t>> ports(offer->media.size());
  for (size_t index = 0; index < ports.size(); ++index)
    if (offer->media[index].recordable()) ports[index] = static_cast<uint16_t>(20000 + 2 * index);
  const std::string answer = turret::node::FormatAnswer({1, 1, "192.0.2.7"}, *offer, ports);
  if (Count(answer, "\r\nm=") != offer->media.size()) std::abort();
  if (Count(answer, "\n") != Count(answer, "\r\n")) std::abort();
  return 0;
}
