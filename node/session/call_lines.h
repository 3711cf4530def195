// Which lines a call is on, how it is kept, and which of their channels each stream feeds. Pure.
//
// A line's own stream is the one that its trader's participant sends; every other stream is the far side. Who
// sends what is told by the metadata's associations, else by the labels of the enrolment. Where neither
// tells, a stream that is alone feeds both channels, and of several the first that is not yet told is the
// line's own.
#pragma once

#include <string>
#include <vector>

#include "node/presence/line_matcher.h"
#include "turret/v1/capture.pb.h"

namespace turret::node {

struct Keeping {
  std::string storage_class;
  std::vector<std::string> rules;
  v1::Policy policy = v1::POLICY_EXACT;
  uint32_t opus_bitrate = 0;
};

/// Class of the first line; the rules of all of them, so that the longest counts; bit-exact when any line
/// asks for it. Without a line: as the enrolment says of orphans, and bit-exact.
Keeping KeepingOf(const v1::Enrolment& enrolment, const std::vector<LineMatch>& lines);

struct StreamTraits {
  std::string label;
  std::vector<std::string> senders;  // Participant ids; empty: not told.
};

/// The channels of each stream, in the order of `streams`.
std::vector<std::vector<v1::ChannelOf>> AssignChannels(const std::vector<LineMatch>& lines,
                                                       const std::vector<v1::Party>& parties,
                                                       const std::vector<StreamTraits>& streams);

}  // namespace turret::node
