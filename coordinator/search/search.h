// Finds calls and tells what is known of them.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "storage/index/index.h"
#include "turret/v1/access.pb.h"

namespace turret::coordinator {

/// Calls that fit, by start. Errors: InvalidArgument for a bad interval, NotFound for a line that was never
/// enrolled.
absl::StatusOr<std::vector<v1::CallSummary>> FindCalls(const Index& index,
                                                       const v1::FindCallsRequest& request);

/// All that is shown of one call. Line names, traders and desks as they were enrolled when the call began
/// (76(4)).
absl::StatusOr<v1::CallSummary> Summarise(const Index& index, const CallId& call);

/// The newest enrolment's line of this name, retired ones included. NotFound.
absl::StatusOr<v1::Line> FindLine(const Index& index, std::string_view name);

}  // namespace turret::coordinator
