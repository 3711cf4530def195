// Calls that an earlier process left without an end in the spool, and that no journal takes up: they end
// where their evidence ends.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "node/session/session_journal.h"
#include "node/spool/spool.h"
#include "storage/base/random.h"

namespace turret::node {

/// The end of a call that no process takes up: a CallEnded (NODE_LOST) at `utc_ns`.
v1::Fact EndOfLostCall(const std::string& call_id, int64_t utc_ns, Random& random);

/// Reads what an earlier process left in the spool and appends a CallEnded (NODE_LOST) for each call that has
/// none and that `journal` does not know, at the arrival of its last datagram; what comes after is not this
/// call's. A call that the journal knows and whose end the spool holds is marked as over there. To be called
/// before anything else is appended. Returns how many calls it ended.
absl::StatusOr<int> EndLostCalls(Spool& spool, SessionJournal& journal, Random& random);

}  // namespace turret::node
