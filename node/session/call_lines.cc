#include "node/session/call_lines.h"

#include <algorithm>
#include <optional>
#include <set>

namespace turret::node {
namespace {

constexpr char kOrphanClass[] = "mifid";  // When no enrolment tells: what must be kept longest.
constexpr char kOrphanRule[] = "mifid7";

void AddRules(const google::protobuf::RepeatedPtrField<std::string>& rules, std::vector<std::string>& out) {
  for (const std::string& rule : rules)
    if (std::find(out.begin(), out.end(), rule) == out.end()) out.push_back(rule);
}

/// Participants that are the line's own trader: by the line's AOR matchers, whichever of them matched the
/// call.
std::set<std::string> OwnParticipants(const v1::Line& line, const std::vector<v1::Party>& parties) {
  std::set<std::string> own;
  for (const v1::Matcher& matcher : line.matchers())
    for (const v1::Party& party : parties)
      if (matcher.field() == v1::Matcher::AOR && !party.participant_id().empty() &&
          MatchesAor(matcher.pattern(), party.aor()))
        own.insert(party.participant_id());
  return own;
}

bool HasOwnLabel(const v1::Line& line, const StreamTraits& stream) {
  return std::any_of(line.matchers().begin(), line.matchers().end(), [&](const v1::Matcher& matcher) {
    return matcher.field() == v1::Matcher::LABEL && MatchesPattern(matcher.pattern(), stream.label);
  });
}

struct Sides {
  bool own = false;
  bool far = false;
  bool told() const { return own || far; }
};

std::vector<Sides> SidesByMetadata(const v1::Line& line, const std::vector<v1::Party>& parties,
                                   const std::vector<StreamTraits>& streams) {
  const std::set<std::string> own = OwnParticipants(line, parties);
  std::vector<Sides> sides(streams.size());
  if (own.empty()) return sides;
  for (size_t index = 0; index < streams.size(); ++index)
    for (const std::string& sender : streams[index].senders)
      (own.contains(sender) ? sides[index].own : sides[index].far) = true;
  return sides;
}

void AddSidesByLabel(const v1::Line& line, const std::vector<StreamTraits>& streams,
                     std::vector<Sides>& sides) {
  const auto labelled = std::count_if(streams.begin(), streams.end(),
                                      [&](const StreamTraits& stream) { return HasOwnLabel(line, stream); });
  if (labelled == 0 || labelled == static_cast<ptrdiff_t>(streams.size()))
    return;  // Tells none from another.
  for (size_t index = 0; index < streams.size(); ++index)
    if (!sides[index].told())
      (HasOwnLabel(line, streams[index]) ? sides[index].own : sides[index].far) = true;
}

void AddSidesByOrder(std::vector<Sides>& sides) {
  if (sides.size() == 1 && !sides[0].told()) sides[0] = {true, true};
  for (Sides& side : sides) {
    if (side.told()) continue;
    const bool own_known =
        std::any_of(sides.begin(), sides.end(), [](const Sides& other) { return other.own; });
    (own_known ? side.far : side.own) = true;
  }
}

}  // namespace

Keeping KeepingOf(const v1::Enrolment& enrolment, const std::vector<LineMatch>& lines) {
  Keeping keeping;
  if (lines.empty()) {
    keeping.storage_class = enrolment.orphan_storage_class();
    AddRules(enrolment.orphan_rules(), keeping.rules);
    if (keeping.storage_class.empty()) keeping.storage_class = kOrphanClass;
    if (keeping.rules.empty()) keeping.rules.push_back(kOrphanRule);
    return keeping;
  }
  const v1::Line& first = *lines.front().line;
  keeping.storage_class = first.storage_class();
  keeping.opus_bitrate = first.opus_bitrate();
  keeping.policy = v1::POLICY_OPUS;
  for (const LineMatch& match : lines) {
    AddRules(match.line->rules(), keeping.rules);
    if (match.line->policy() == v1::POLICY_EXACT) keeping.policy = v1::POLICY_EXACT;
  }
  return keeping;
}

std::vector<std::vector<v1::ChannelOf>> AssignChannels(const std::vector<LineMatch>& lines,
                                                       const std::vector<v1::Party>& parties,
                                                       const std::vector<StreamTraits>& streams) {
  std::vector<std::vector<v1::ChannelOf>> channels(streams.size());
  for (const LineMatch& match : lines) {
    std::vector<Sides> sides = SidesByMetadata(*match.line, parties, streams);
    AddSidesByLabel(*match.line, streams, sides);
    AddSidesByOrder(sides);
    for (size_t index = 0; index < streams.size(); ++index) {
      const auto add = [&](v1::Direction direction) {
        v1::ChannelOf& channel = channels[index].emplace_back();
        channel.set_line_id(match.line->line_id());
        channel.set_direction(direction);
      };
      if (sides[index].own) add(v1::DIRECTION_OWN);
      if (sides[index].far) add(v1::DIRECTION_FAR);
    }
  }
  return channels;
}

}  // namespace turret::node
