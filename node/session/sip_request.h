// What a SIP request says, taken out of the library's structures.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "node/session/session.h"
#include "node/session/sofia.h"

namespace turret::node {

/// Body, source and oddities of a request that may carry an offer.
Offer OfferOf(nta_incoming_t* irq, const sip_t& sip);

/// Whether the body comes in an encoding that we do not undo.
bool HasUnknownEncoding(const sip_t& sip);

/// Whether the connection ended before the body did.
bool HasCutBody(const sip_t& sip);

std::string CallIdOf(const sip_t& sip);
std::string FromTagOf(const sip_t& sip);
bool HasToTag(const sip_t& sip);

/// Session-Expires of a request, if the client refreshes or leaves that open (RFC 4028, 9); 0: no timer.
uint32_t SessionExpiresSeconds(const sip_t& sip);
/// How long a client that stated this may be silent before its call is ended. At least 90 s, the least that
/// RFC 4028, 4 allows: it asks to refuse less (422), but a call is recorded whatever its timer says.
absl::Duration SessionTimeout(uint32_t expires_seconds);

}  // namespace turret::node
