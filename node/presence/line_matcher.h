// Which lines a call belongs to: the enrolment's matchers, in its order.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "turret/v1/capture.pb.h"

namespace turret::node {

/// What a call is recognised by.
struct CallTraits {
  std::vector<std::string> aors;    // Of its participants.
  std::vector<std::string> labels;  // Of its media lines.
  std::string device;
  std::string source;  // Address, without port.
};

struct LineMatch {
  const v1::Line* line;  // Into the enrolment.
  v1::Matcher::Field by;
  std::string value;  // What matched: for AOR, the participant who is the line's own trader.
};

/// All lines that match, in the enrolment's order, each by its first matcher that fits; retired lines never
/// do.
std::vector<LineMatch> MatchLines(const v1::Enrolment& enrolment, const CallTraits& traits);

/// Case-insensitive; `*` stands for any run of characters.
bool MatchesPattern(std::string_view pattern, std::string_view value);

/// The same for an address of record: brackets, parameters and the scheme need not be in the pattern.
bool MatchesAor(std::string_view pattern, std::string_view aor);

}  // namespace turret::node
