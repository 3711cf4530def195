// One call for people.
#pragma once

#include <string>

#include "turret/v1/access.pb.h"

namespace turret::turretctl {

/// The first digits of an id, as tables show it.
std::string ShortId(const std::string& id);
/// "2 (00:00:00.060)"; "-" when there is none.
std::string ShowGapCount(const v1::CallSummary& call);
/// The gaps as a table: cause, from, to, length, stream, packets. "No gap.\n" when there is none.
std::string GapTable(const v1::CallSummary& call);
/// Where audio plays whose place in time is not proven, with a line that says so; empty when all is.
std::string UnsureTable(const v1::PlayHeader& header);
/// All that is known of a call: parties, streams with their packets, gaps.
std::string CallDetails(const v1::CallSummary& call);

}  // namespace turret::turretctl
