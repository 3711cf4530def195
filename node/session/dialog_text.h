// What the journal keeps of a SIP dialog, taken out of the library's structures as text, and made into them
// again.
#pragma once

#include <string>

#include "node/session/sofia.h"
#include "turret/v1/journal.pb.h"

namespace turret::node {

/// What an INVITE states of the dialog that it opens: addresses, tags, route set, target, CSeq.
v1::JournaledDialog DialogOf(const sip_t& invite);

/// The Contact of a request, as text; empty: none, or one that names no host.
std::string RemoteContactOf(const sip_t& sip);

/// The dialog's leg, as OpenDialog would have made it. Null when the texts make none.
nta_leg_t* MakeLeg(nta_agent_t* agent, nta_request_f* callback, void* magic,
                   const v1::JournaledDialog& dialog);

/// The request as it came, with what we added to its Via.
std::string MessageOf(nta_incoming_t* irq);

/// A server transaction for a request that an earlier process read: its retransmissions come to it, and its
/// answer goes where the Via says. Over TCP that is the port that the client listens on, since its connection
/// went with that process. Null when the text is no request, or its transport is off.
nta_incoming_t* MakeIncoming(nta_agent_t* agent, nta_leg_t* leg, const std::string& message);

}  // namespace turret::node
