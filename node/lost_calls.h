// Calls that an earlier process left without an end in the spool: they end where their evidence ends.
#pragma once

#include "absl/status/statusor.h"
#include "node/spool/spool.h"
#include "storage/base/random.h"

namespace turret::node {

/// Reads what an earlier process left in the spool and appends a CallEnded (NODE_LOST) for each call without
/// one, at the arrival of its last datagram; what comes after is not this call's. To be called before
/// anything else is appended. Returns how many there were.
absl::StatusOr<int> EndLostCalls(Spool& spool, Random& random);

}  // namespace turret::node
