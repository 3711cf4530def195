// Every string that comes out must fit a message that holds UTF-8 only.
#include <cstdlib>

#include "node/session/rs_metadata.h"
#include "node/session/text.h"

namespace {

void RequireClean(const std::string& text) {
  if (text != turret::node::CleanText(text)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using turret::node::kMetadataItemsMax;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  turret::node::RsMetadata read = turret::node::ParseRsMetadata(input);
  for (const auto& party : read.parties) {
    RequireClean(party.participant_id());
    RequireClean(party.name());
    RequireClean(party.aor());
  }
  for (const auto& stream : read.streams) RequireClean(stream.label);
  RequireClean(read.communication_session_id);
  read.Merge(turret::node::ParseRsMetadata(input.substr(size / 2)));
  if (read.parties.size() > kMetadataItemsMax || read.streams.size() > kMetadataItemsMax) std::abort();
  for (const auto& stream : read.streams) (void)read.SendersOf(stream.label);
  return 0;
}
