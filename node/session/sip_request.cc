#include "node/session/sip_request.h"

#include <arpa/inet.h>

#include <algorithm>

#include "fmt/format.h"
#include "node/session/text.h"

namespace turret::node {
namespace {

std::string Text(const char* text) { return text == nullptr ? std::string() : std::string(text); }

std::string SourceOf(nta_incoming_t* irq) {
  msg_t* const message = nta_incoming_getrequest(irq);
  const su_sockaddr_t* const from = msg_addr(message);
  char host[INET6_ADDRSTRLEN] = "";
  std::string source;
  if (from->su_family == AF_INET) {
    inet_ntop(AF_INET, &from->su_sin.sin_addr, host, sizeof host);
    source = fmt::format("{}:{}", host, ntohs(from->su_port));
  } else if (from->su_family == AF_INET6) {
    inet_ntop(AF_INET6, &from->su_sin6.sin6_addr, host, sizeof host);
    source = fmt::format("[{}]:{}", host, ntohs(from->su_port));
  }
  msg_destroy(message);
  return source;
}

std::string TransportOf(const sip_t& sip) {
  const std::string protocol = sip.sip_via == nullptr ? std::string() : Text(sip.sip_via->v_protocol);
  return LowerCase(CleanText(protocol.substr(protocol.rfind('/') + 1)));
}

std::string ContentTypeOf(const sip_t& sip, std::string_view body) {
  if (sip.sip_content_type == nullptr)  // None, or one that does not parse.
    return body.starts_with("--") ? "multipart/mixed" : "";
  std::string type = Text(sip.sip_content_type->c_type);
  for (const msg_param_t* parameter = sip.sip_content_type->c_params;
       parameter != nullptr && *parameter != nullptr; ++parameter)
    type += fmt::format(";{}", *parameter);
  return type;
}

/// A large body on a connection comes in several pieces.
std::string BodyOf(const sip_t& sip) {
  std::string body;
  for (const sip_payload_t* piece = sip.sip_payload; piece != nullptr; piece = piece->pl_next)
    body.append(piece->pl_data, piece->pl_len);
  return body;
}

bool HasOddContact(const sip_t& sip) {
  return sip.sip_contact == nullptr || sip.sip_contact->m_url->url_host == nullptr;
}

}  // namespace

Offer OfferOf(nta_incoming_t* irq, const sip_t& sip) {
  Offer offer;
  offer.sip_call_id = CallIdOf(sip);
  offer.source_address = SourceOf(irq);
  offer.transport = TransportOf(sip);
  if (sip.sip_user_agent != nullptr) offer.device = CleanText(Text(sip.sip_user_agent->g_string));
  offer.odd_contact = HasOddContact(sip);
  if (const std::string body = BodyOf(sip); !body.empty()) {
    offer.parts = SplitBody(ContentTypeOf(sip, body), body, offer.odd_body);
  }
  return offer;
}

bool HasUnknownEncoding(const sip_t& sip) {
  const sip_content_encoding_t* const encoding = sip.sip_content_encoding;
  if (encoding == nullptr || encoding->k_items == nullptr || encoding->k_items[0] == nullptr) return false;
  return LowerCase(encoding->k_items[0]) != "identity";
}

bool HasCutBody(const sip_t& sip) {
  if (sip.sip_content_length == nullptr) return false;
  size_t bytes = 0;
  for (const sip_payload_t* piece = sip.sip_payload; piece != nullptr; piece = piece->pl_next)
    bytes += piece->pl_len;
  return sip.sip_content_length->l_length > bytes;
}

std::string CallIdOf(const sip_t& sip) {
  return sip.sip_call_id == nullptr ? std::string() : Text(sip.sip_call_id->i_id);
}

std::string FromTagOf(const sip_t& sip) {
  return sip.sip_from == nullptr ? std::string() : Text(sip.sip_from->a_tag);
}

bool HasToTag(const sip_t& sip) { return sip.sip_to != nullptr && sip.sip_to->a_tag != nullptr; }

absl::Duration SessionTimeout(uint32_t expires_seconds) {
  return std::max(absl::Seconds(expires_seconds), absl::Seconds(90));
}

uint32_t SessionExpiresSeconds(const sip_t& sip) {
  const sip_session_expires_t* const expires = sip.sip_session_expires;
  if (expires == nullptr || LowerCase(Text(expires->x_refresher)) == "uas") return 0;
  return static_cast<uint32_t>(expires->x_delta);
}

}  // namespace turret::node
