#include "fmt/format.h"
#include "tests/floor/sip_client.h"

namespace turret::floor {
namespace {

std::string XmlEscaped(const std::string& text) {
  std::string escaped;
  for (char c : text) {
    if (c == '&')
      escaped += "&amp;";
    else if (c == '<')
      escaped += "&lt;";
    else if (c == '"')
      escaped += "&quot;";
    else
      escaped += c;
  }
  return escaped;
}

// Ids in metadata are base64 of 16 bytes (RFC 7865 6.10); here hex digits, which are base64 as well.
std::string MetadataId(uint64_t seed, char kind, size_t index) {
  return fmt::format("{}{:05d}{:016x}==", kind, index, seed);
}

}  // namespace

std::string MakeMetadata(const CallSpec& spec) {
  const std::string session = MetadataId(spec.seed, 'S', 0);
  std::string xml =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<recording "
      "xmlns=\"urn:ietf:params:xml:ns:recording:1\">\r\n";
  xml += " <datamode>complete</datamode>\r\n";
  xml += fmt::format(" <group group_id=\"{}\"/>\r\n", MetadataId(spec.seed, 'G', 0));
  xml += fmt::format(" <session session_id=\"{}\"><group-ref>{}</group-ref></session>\r\n", session,
                     MetadataId(spec.seed, 'G', 0));
  for (size_t i = 0; i < spec.participants.size(); ++i) {
    const Participant& participant = spec.participants[i];
    xml += fmt::format(
        " <participant participant_id=\"{}\"><nameID aor=\"{}\"><name "
        "xml:lang=\"en\">{}</name></nameID></participant>\r\n",
        MetadataId(spec.seed, 'P', i), XmlEscaped(participant.aor), XmlEscaped(participant.name));
  }
  for (size_t i = 0; i < spec.media.size(); ++i)
    xml += fmt::format(" <stream stream_id=\"{}\" session_id=\"{}\"><label>{}</label></stream>\r\n",
                       MetadataId(spec.seed, 'M', i), session, spec.media[i].label);
  for (size_t p = 0; p < spec.participants.size(); ++p) {
    xml += fmt::format(" <participantsessionassoc participant_id=\"{}\" session_id=\"{}\"/>\r\n",
                       MetadataId(spec.seed, 'P', p), session);
    xml += fmt::format(" <participantstreamassoc participant_id=\"{}\">", MetadataId(spec.seed, 'P', p));
    for (size_t i = 0; i < spec.media.size(); ++i) {
      const char* const tag = spec.media[i].participant == p ? "send" : "recv";
      xml += fmt::format("<{0}>{1}</{0}>", tag, MetadataId(spec.seed, 'M', i));
    }
    xml += "</participantstreamassoc>\r\n";
  }
  return xml + "</recording>\r\n";
}

}  // namespace turret::floor
