// Reading what a request brought: nothing here fails because of metadata.
#include <algorithm>

#include "fmt/format.h"
#include "node/session/session_state.h"
#include "node/session/text.h"

namespace turret::node {
namespace {

bool IsSdp(const BodyPart& part) {
  return part.content_type == "application/sdp" ||
         (part.content_type.empty() && part.body.starts_with("v=0"));
}

v1::VerbatimPart Verbatim(const BodyPart& part) {
  v1::VerbatimPart out;
  out.set_content_type(part.content_type);
  out.set_body(part.body);
  return out;
}

}  // namespace

std::string SdpText(const Offer& offer) {
  for (const BodyPart& part : offer.parts)
    if (part.body.starts_with("v=")) return part.body;
  return {};
}

absl::StatusOr<ReadOffer> ReadParts(const Offer& offer) {
  ReadOffer read;
  for (const BodyPart& part : offer.parts) {
    read.verbatim.push_back(Verbatim(part));
    if (IsSdp(part) && !read.sdp) {
      absl::StatusOr<SdpOffer> sdp = ParseSdp(part.body);
      if (!sdp.ok()) return sdp.status();
      if (sdp->odd) read.flags.insert(v1::CALL_FLAG_ODD_SDP);
      read.sdp = *std::move(sdp);
    } else if (IsRsMetadata(part)) {
      read.metadata.Merge(ParseRsMetadata(part.body));
      read.has_metadata = true;
    }
  }
  read.flags.insert(read.metadata.flags.begin(), read.metadata.flags.end());
  if (offer.odd_body) read.flags.insert(v1::CALL_FLAG_BROKEN_METADATA);
  if (offer.odd_contact) read.flags.insert(v1::CALL_FLAG_ODD_CONTACT);
  return read;
}

}  // namespace turret::node
