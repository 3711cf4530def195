#include "node/session/rs_metadata.h"

#include <algorithm>
#include <initializer_list>

#include "node/session/text.h"
#include "node/session/xml_scan.h"
#include "pugixml.hpp"

namespace turret::node {
namespace {

std::string_view LocalName(std::string_view name) { return name.substr(name.find(':') + 1); }

bool IsNamed(std::string_view name, std::initializer_list<std::string_view> names) {
  const std::string local = LowerCase(LocalName(name));
  return std::find(names.begin(), names.end(), local) != names.end();
}

std::string Attribute(const pugi::xml_node& node, std::initializer_list<std::string_view> names) {
  for (const pugi::xml_attribute& attribute : node.attributes())
    if (IsNamed(attribute.name(), names)) return CleanText(Trim(attribute.value()));
  return {};
}

std::string ChildText(const pugi::xml_node& node, std::initializer_list<std::string_view> names) {
  for (const pugi::xml_node& child : node.children())
    if (IsNamed(child.name(), names)) return CleanText(Trim(child.text().get()));
  return {};
}

/// RFC 7865 says participant_id; drafts said id or participant.
std::string IdOf(const pugi::xml_node& node, std::string_view kind) {
  const std::string underscore = std::string(kind) + "_id";
  const std::string dash = std::string(kind) + "-id";
  std::string id = Attribute(node, {underscore, dash, "id"});
  return id.empty() ? Attribute(node, {kind}) : id;
}

void ReadNames(const pugi::xml_node& node, v1::Party& party) {
  for (const pugi::xml_node& child : node.children()) {
    if (IsNamed(child.name(), {"nameid", "name-id"})) {
      if (party.aor().empty()) party.set_aor(Attribute(child, {"aor", "uri"}));
      if (party.name().empty()) party.set_name(ChildText(child, {"name"}));
      if (party.aor().empty()) party.set_aor(ChildText(child, {"aor"}));
    } else if (IsNamed(child.name(), {"aor"}) && party.aor().empty()) {
      party.set_aor(CleanText(Trim(child.text().get())));
    } else if (IsNamed(child.name(), {"name"}) && party.name().empty()) {
      party.set_name(CleanText(Trim(child.text().get())));
    }
  }
}

/// The streams that a participant sends and receives: children of the association, or of the participant in
/// drafts.
void ReadAssociations(const pugi::xml_node& node, const std::string& participant, RsMetadata& out) {
  for (const pugi::xml_node& child : node.children()) {
    std::string stream = CleanText(Trim(child.text().get()));
    if (stream.empty()) stream = IdOf(child, "stream");
    if (stream.empty()) continue;
    if (IsNamed(child.name(), {"send"}) && out.senders.size() < kMetadataItemsMax) {
      out.senders.emplace(stream, participant);
    } else if (IsNamed(child.name(), {"recv", "receive"}) && out.receivers.size() < kMetadataItemsMax) {
      out.receivers.emplace(stream, participant);
    }
  }
}

void ReadParticipant(const pugi::xml_node& node, RsMetadata& out) {
  if (out.parties.size() >= kMetadataItemsMax) return;
  v1::Party party;
  party.set_participant_id(IdOf(node, "participant"));
  ReadNames(node, party);
  ReadAssociations(node, party.participant_id(), out);
  out.parties.push_back(std::move(party));
}

void ReadElement(const pugi::xml_node& node, RsMetadata& out, std::string& group) {
  const std::string_view name = node.name();
  if (IsNamed(name, {"datamode"})) {
    out.partial = LowerCase(Trim(node.text().get())) == "partial";
  } else if (IsNamed(name, {"participant"})) {
    ReadParticipant(node, out);
  } else if (IsNamed(name, {"stream"}) && out.streams.size() < kMetadataItemsMax) {
    out.streams.push_back({IdOf(node, "stream"), ChildText(node, {"label"})});
  } else if (IsNamed(name, {"participantstreamassoc", "participantstream"})) {
    ReadAssociations(node, IdOf(node, "participant"), out);
  } else if (IsNamed(name, {"session"}) && out.communication_session_id.empty()) {
    out.communication_session_id = IdOf(node, "session");
  } else if (IsNamed(name, {"group"}) && group.empty()) {
    group = IdOf(node, "group");
  }
}

}  // namespace

RsMetadata ParseRsMetadata(std::string_view xml) {
  RsMetadata out;
  if (xml.size() > kMetadataBytesMax) {
    out.flags.push_back(v1::CALL_FLAG_OVERSIZED_METADATA);
    return out;
  }
  const XmlScan scan = ScanXml(xml);
  if (scan.depth_max > kMetadataDepthMax || scan.binary) {
    out.flags.push_back(v1::CALL_FLAG_BROKEN_METADATA);
    return out;
  }
  pugi::xml_document document;
  const pugi::xml_parse_result result =
      document.load_buffer(xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8);
  const pugi::xml_node root = document.document_element();
  if (!result || scan.doctype || !IsNamed(root.name(), {"recording"}))
    out.flags.push_back(v1::CALL_FLAG_BROKEN_METADATA);
  std::string group;
  for (const pugi::xml_node& node : root.children()) ReadElement(node, out, group);
  if (!group.empty())
    out.communication_session_id = group;  // The group is the communication session's own id.
  out.complete = out.flags.empty() && !out.partial;
  return out;
}

void RsMetadata::Merge(const RsMetadata& later) {
  flags.insert(flags.end(), later.flags.begin(), later.flags.end());
  complete = complete || later.complete;
  if (!later.communication_session_id.empty()) communication_session_id = later.communication_session_id;
  for (const v1::Party& party : later.parties) {
    const auto known = std::find_if(parties.begin(), parties.end(), [&](const v1::Party& other) {
      return !party.participant_id().empty() && other.participant_id() == party.participant_id();
    });
    if (known == parties.end()) {
      if (parties.size() < kMetadataItemsMax) parties.push_back(party);
    } else {
      if (!party.name().empty()) known->set_name(party.name());
      if (!party.aor().empty()) known->set_aor(party.aor());
    }
  }
  for (const RsStream& stream : later.streams) {
    const auto known = std::find_if(streams.begin(), streams.end(), [&](const RsStream& other) {
      return other.stream_id == stream.stream_id;
    });
    if (known != streams.end()) {
      if (!stream.label.empty()) known->label = stream.label;
    } else if (streams.size() < kMetadataItemsMax) {
      streams.push_back(stream);
    }
  }
  const auto add = [](auto& known, const auto& more) {
    for (const auto& entry : more)
      if (known.size() < kMetadataItemsMax && std::find(known.begin(), known.end(), entry) == known.end())
        known.insert(entry);
  };
  add(senders, later.senders);
  add(receivers, later.receivers);
}

std::vector<std::string> RsMetadata::SendersOf(std::string_view label) const {
  std::vector<std::string> participants;
  for (const RsStream& stream : streams) {
    if (label.empty() || stream.label != label) continue;
    const auto [begin, end] = senders.equal_range(stream.stream_id);
    for (auto sender = begin; sender != end; ++sender) participants.push_back(sender->second);
  }
  return participants;
}

bool IsRsMetadata(const BodyPart& part) {
  if (part.content_type.find("rs-metadata") != std::string::npos)
    return part.content_type.find("rs-metadata-request") == std::string::npos;
  const bool xml = part.content_type.ends_with("/xml") || part.content_type.ends_with("+xml");
  return xml && part.body.find("recording") != std::string::npos;
}

}  // namespace turret::node
