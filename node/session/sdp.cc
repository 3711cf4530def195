#include "node/session/sdp.h"

#include <sofia-sip/sdp.h>

#include <algorithm>
#include <array>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "node/session/text.h"

namespace turret::node {
namespace {

constexpr uint32_t kPtimeMsMax = 1000;
constexpr int kSane = sdp_f_anynet | sdp_f_all_rtpmaps;
constexpr int kTolerant = kSane | sdp_f_insane | sdp_f_c_missing;

/// Owns what the parser allocates.
class ParsedSdp {
 public:
  ParsedSdp(std::string_view text, int flags)
      : parser_(sdp_parse(nullptr, text.data(), static_cast<issize_t>(text.size()), flags)) {}
  ~ParsedSdp() { sdp_parser_free(parser_); }
  ParsedSdp(const ParsedSdp&) = delete;
  ParsedSdp& operator=(const ParsedSdp&) = delete;
  const sdp_session_t* session() const { return parser_ == nullptr ? nullptr : sdp_session(parser_); }

 private:
  sdp_parser_t* const parser_;
};

std::string Text(const char* text) { return text == nullptr ? std::string() : CleanText(text); }

MediaMode ModeOf(unsigned mode) {
  switch (mode) {
    case sdp_inactive:
      return MediaMode::kInactive;
    case sdp_sendonly:
      return MediaMode::kSendOnly;
    case sdp_recvonly:
      return MediaMode::kRecvOnly;
    default:
      return MediaMode::kSendRecv;
  }
}

std::string AttributeOf(const sdp_media_t& media, const char* name) {
  const sdp_attribute_t* const found = sdp_attribute_find(media.m_attributes, name);
  return found == nullptr ? std::string() : std::string(Trim(Text(found->a_value)));
}

bool IsZeroAddress(const sdp_media_t& media) {
  const sdp_connection_t* const connection = sdp_media_connections(&media);
  if (connection == nullptr) return false;
  const std::string address = Text(connection->c_address);
  return address == "0.0.0.0" || address == "::";
}

uint32_t ParsePtime(const std::string& text) {
  uint32_t ms = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || ms > kPtimeMsMax) break;
    ms = ms * 10 + static_cast<uint32_t>(c - '0');
  }
  return ms > kPtimeMsMax ? 0 : ms;
}

SdpMedia MediaOf(const sdp_media_t& media) {
  SdpMedia out;
  out.type = Text(media.m_type_name);
  out.protocol = Text(media.m_proto_name);
  out.port = media.m_rejected != 0 ? 0 : static_cast<uint16_t>(std::min<unsigned long>(media.m_port, 65535));
  out.mode = ModeOf(media.m_mode);
  out.zero_address = IsZeroAddress(media);
  out.label = AttributeOf(media, "label");
  out.ptime_ms = ParsePtime(AttributeOf(media, "ptime"));
  for (const sdp_rtpmap_t* map = media.m_rtpmaps; map != nullptr; map = map->rm_next)
    out.codecs.push_back({static_cast<uint8_t>(map->rm_pt), Text(map->rm_encoding),
                          map->rm_rate == 0 ? 8000 : static_cast<uint32_t>(map->rm_rate)});
  out.format = media.m_format != nullptr ? Text(media.m_format->l_text)
               : out.codecs.empty()      ? "0"
                                         : fmt::format("{}", out.codecs.front().payload_type);
  return out;
}

std::optional<SdpOffer> TryParse(std::string_view text, int flags) {
  const ParsedSdp parsed(text, flags);
  const sdp_session_t* const session = parsed.session();
  if (session == nullptr || session->sdp_media == nullptr) return std::nullopt;
  SdpOffer offer;
  for (const sdp_media_t* media = session->sdp_media; media != nullptr; media = media->m_next)
    offer.media.push_back(MediaOf(*media));
  return offer;
}

bool IsTokenCharacter(char c) {  // RFC 8866, section 9.
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         (c != '\0' && std::string_view("!#$%&'*+-.^_`{|}~").find(c) != std::string_view::npos);
}

/// "media port[/count] protocol[/profile] format…", RFC 8866 section 5.14, with '-' for what may not stand
/// there; a line that lacks a part is one that offers nothing, so that those behind it keep their places.
std::string MediaLineOfTokens(std::string_view line) {
  std::vector<std::string> words(1);
  for (char c : line.substr(2)) {
    if (c == ' ') {
      if (!words.back().empty()) words.emplace_back();
      continue;
    }
    const bool parts = c == '/' && (words.size() == 2 || words.size() == 3);
    const bool within = !words.back().empty() && words.back().back() != '/';
    words.back() += IsTokenCharacter(c) || (parts && within) ? c : '-';
  }
  if (words.back().empty()) words.pop_back();
  if (words.size() < 4) return "m=audio 0 RTP/AVP 0";
  for (std::string& word : words)
    if (word.back() == '/') word.back() = '-';
  return fmt::format("m={}", fmt::join(words, " "));
}

/// The library reads the formats of a protocol that it does not know token by token, and never ends at what
/// is none.
std::string WithTokensInMediaLines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of("\r\n"), text.size());
    const std::string_view line = Trim(text.substr(0, end));  // The library does so too.
    if (line.starts_with("m="))
      out += MediaLineOfTokens(line);
    else
      out += line;
    const size_t next = std::min(text.find_first_not_of("\r\n", end), text.size());
    out += text.substr(end, next - end);
    text.remove_prefix(next);
  }
  std::ranges::replace(out, '\0', '-');  // Ends a line for the library, and nothing for us.
  return out;
}

constexpr std::array<std::string_view, 9> kKept = {"m=",         "c=IN IP",    "a=rtpmap:",
                                                   "a=label:",   "a=ptime:",   "a=sendonly",
                                                   "a=recvonly", "a=sendrecv", "a=inactive"};

/// The lines that tell what to record, in a description that is otherwise above reproach.
std::string Repaired(std::string_view text) {
  std::string out = "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
  while (!text.empty()) {
    const size_t end = text.find_first_of("\r\n");
    const std::string_view line = Trim(text.substr(0, end));
    if (std::any_of(kKept.begin(), kKept.end(),
                    [&](std::string_view prefix) { return line.starts_with(prefix); }))
      out.append(line).append("\r\n");
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return out;
}

std::string FormatHead(const SdpAnswer& own) {
  const std::string_view family = own.address.find(':') == std::string::npos ? "IP4" : "IP6";
  return fmt::format("v=0\r\no=turret {} {} IN {} {}\r\ns=turret recorder\r\nc=IN {} {}\r\nt=0 0\r\n",
                     own.session, own.version, family, own.address, family, own.address);
}

std::string_view ModeOfAnswer(const SdpMedia& media) { return media.paused() ? "inactive" : "recvonly"; }

}  // namespace

bool IsKnownCodec(const SdpCodec& codec) {
  const std::string name = LowerCase(codec.name);
  return (name == "pcma" || name == "pcmu") && codec.clock_rate_hz == 8000;
}

bool SdpMedia::recordable() const {
  return port != 0 && !codecs.empty() && LowerCase(type) == "audio" &&
         (LowerCase(protocol) == "rtp/avp" || LowerCase(protocol) == "rtp/avpf");
}

bool SdpMedia::paused() const {
  return port == 0 || zero_address || mode == MediaMode::kInactive || mode == MediaMode::kRecvOnly;
}

const SdpCodec& SdpMedia::chosen() const {
  const auto known = std::find_if(codecs.begin(), codecs.end(), IsKnownCodec);
  if (known != codecs.end()) return *known;
  const auto voice = std::find_if(codecs.begin(), codecs.end(), [](const SdpCodec& codec) {
    const std::string name = LowerCase(codec.name);
    return name != "telephone-event" && name != "cn" && name != "red";
  });
  return voice != codecs.end() ? *voice : codecs.front();
}

absl::StatusOr<SdpOffer> ParseSdp(std::string_view text) {
  if (text.size() > kSdpBytesMax)
    return absl::InvalidArgumentError(fmt::format("SDP: {} bytes, at most {}", text.size(), kSdpBytesMax));
  const std::string safe = WithTokensInMediaLines(text);
  std::optional<SdpOffer> offer = TryParse(safe, kSane);
  if (offer && safe == text) return *std::move(offer);
  if (!offer) offer = TryParse(safe, kTolerant);
  if (!offer) offer = TryParse(Repaired(safe), kTolerant);
  if (offer) {
    offer->odd = true;
    return *std::move(offer);
  }
  return absl::InvalidArgumentError("SDP: no m-line can be read");
}

std::string FormatOffer(const SdpAnswer& own, const std::vector<SdpOwnMedia>& media) {
  std::string sdp = FormatHead(own);
  for (const SdpOwnMedia& line : media) {
    sdp += fmt::format(
        "m=audio {} RTP/AVP 8 0\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=recvonly\r\n",
        line.port);
    if (!line.label.empty()) sdp += fmt::format("a=label:{}\r\n", line.label);
  }
  return sdp;
}

std::string FormatAnswer(const SdpAnswer& answer, const SdpOffer& offer,
                         const std::vector<std::optional<uint16_t>>& ports) {
  std::string sdp = FormatHead(answer);
  for (size_t index = 0; index < offer.media.size(); ++index) {
    const SdpMedia& media = offer.media[index];
    if (index >= ports.size() || !ports[index]) {
      sdp += fmt::format("m={} 0 {} {}\r\n", media.type, media.protocol, media.format);
      if (!media.label.empty()) sdp += fmt::format("a=label:{}\r\n", media.label);
      continue;
    }
    const SdpCodec& codec = media.chosen();
    sdp += fmt::format("m=audio {} {} {}\r\n", *ports[index], media.protocol, codec.payload_type);
    if (!codec.name.empty())
      sdp += fmt::format("a=rtpmap:{} {}/{}\r\n", codec.payload_type, codec.name, codec.clock_rate_hz);
    if (media.ptime_ms != 0) sdp += fmt::format("a=ptime:{}\r\n", media.ptime_ms);
    if (!media.label.empty()) sdp += fmt::format("a=label:{}\r\n", media.label);
    sdp += fmt::format("a={}\r\n", ModeOfAnswer(media));
  }
  return sdp;
}

}  // namespace turret::node
