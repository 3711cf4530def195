// From what people type to ids.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/turretctl/session.h"

namespace turret::turretctl {

inline constexpr size_t kPrefixDigitsMin = 6;
inline constexpr absl::Duration kPrefixWindow = absl::Hours(24 * 30);

/// The id (16 bytes) of a call written with all its 32 hex digits, or with the first six or more if only one
/// call of the last 30 days begins so. Errors: InvalidArgument, NotFound; FailedPrecondition when several do,
/// or there are too many calls to tell.
absl::StatusOr<std::string> FindCallId(Session& session, const std::string& text);

/// The id of a stream of `call`: by its label or by the first hex digits of its id. Errors: NotFound, listing
/// them; FailedPrecondition when several fit.
absl::StatusOr<std::string> FindStreamId(const v1::CallSummary& call, const std::string& text);

/// All that the coordinator tells of the calls that fit.
absl::StatusOr<std::vector<v1::CallSummary>> FetchCalls(Session& session,
                                                        const v1::FindCallsRequest& request);

}  // namespace turret::turretctl
