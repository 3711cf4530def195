// What --json prints: one object, or one object a line. Ids are hex, times RFC 3339 with nanoseconds, spans
// seconds.
#pragma once

#include <string>

#include "nlohmann/json.hpp"
#include "turret/v1/access.pb.h"

namespace turret::turretctl {

using Json = nlohmann::ordered_json;

Json ToJson(const v1::CallSummary& call);
Json ToJson(const v1::Gap& gap);
Json ToJson(const v1::UnsurePlace& place);
Json ToJson(const v1::CoverageReport& report);
Json ToJson(const v1::Line& line);
Json ToJson(const v1::TreeHead& head);
Json ToJson(const v1::CheckIndexReport& report);

/// One line, without its end. What is no UTF-8 is replaced.
std::string ToLine(const Json& json);

/// "own", "far".
std::string DirectionName(v1::Direction direction);
/// "opus", "exact".
std::string PolicyName(v1::Policy policy);
/// "bye", "node_lost"; "running" for 0.
std::string EndName(v1::CallEnded::Reason reason);

}  // namespace turret::turretctl
