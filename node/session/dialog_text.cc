#include "node/session/dialog_text.h"

#include "node/session/sip_request.h"
#include "node/session/text.h"

namespace turret::node {
namespace {

/// The library's memory for one function.
class Home {
 public:
  Home() { su_home_init(home_); }
  ~Home() { su_home_deinit(home_); }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;
  su_home_t* get() { return home_; }

 private:
  su_home_t home_[1] = {SU_HOME_INIT(home_)};
};

std::string Text(const char* text) { return text == nullptr ? std::string() : std::string(text); }

template <class Header>
std::string TextOf(const Header* header) {
  if (header == nullptr) return {};
  Home home;
  return Text(sip_header_as_string(home.get(), reinterpret_cast<const sip_header_t*>(header)));
}

std::string RecordRouteOf(const sip_t& sip) {
  std::string out;
  for (const sip_record_route_t* route = sip.sip_record_route; route != nullptr; route = route->r_next) {
    if (!out.empty()) out += ", ";
    out += TextOf(route);
  }
  return out;
}

tport_t* TransportOf(nta_agent_t* agent, const sip_via_t& via) {
  const std::string protocol = Text(via.v_protocol);
  const std::string name = LowerCase(protocol.substr(protocol.rfind('/') + 1));
  return tport_by_protocol(tport_primaries(nta_agent_tports(agent)), name.c_str());
}

}  // namespace

v1::JournaledDialog DialogOf(const sip_t& invite) {
  v1::JournaledDialog dialog;
  dialog.set_sip_id(CallIdOf(invite));
  dialog.set_local(TextOf(invite.sip_to));
  dialog.set_remote(TextOf(invite.sip_from));
  dialog.set_remote_tag(FromTagOf(invite));
  dialog.set_remote_cseq(invite.sip_cseq->cs_seq);
  dialog.set_invite_cseq(invite.sip_cseq->cs_seq);
  dialog.set_record_route(RecordRouteOf(invite));
  dialog.set_remote_contact(RemoteContactOf(invite));
  return dialog;
}

std::string RemoteContactOf(const sip_t& sip) {
  if (sip.sip_contact == nullptr || sip.sip_contact->m_url->url_host == nullptr) return {};
  return TextOf(sip.sip_contact);
}

nta_leg_t* MakeLeg(nta_agent_t* agent, nta_request_f* callback, void* magic,
                   const v1::JournaledDialog& dialog) {
  Home home;
  const std::string cseq = std::to_string(dialog.local_cseq()) + " OPTIONS";
  nta_leg_t* const leg =
      nta_leg_tcreate(agent, callback, magic, SIPTAG_CALL_ID_STR(dialog.sip_id().c_str()),
                      SIPTAG_FROM_STR(dialog.local().c_str()), SIPTAG_TO_STR(dialog.remote().c_str()),
                      NTATAG_REMOTE_CSEQ(dialog.remote_cseq()), SIPTAG_CSEQ_STR(cseq.c_str()), TAG_END());
  if (leg == nullptr) return nullptr;
  // Tagged afterwards, as when it was opened: so requests without their To tag still find it.
  nta_leg_tag(leg, dialog.local_tag().c_str());
  const sip_record_route_t* const route =
      dialog.record_route().empty() ? nullptr
                                    : sip_record_route_make(home.get(), dialog.record_route().c_str());
  const sip_contact_t* const target = dialog.remote_contact().empty()
                                          ? nullptr
                                          : sip_contact_make(home.get(), dialog.remote_contact().c_str());
  nta_leg_server_route(leg, route, target);
  return leg;
}

std::string MessageOf(nta_incoming_t* irq) {
  msg_t* const message = nta_incoming_getrequest(irq);
  Home home;
  size_t bytes = 0;
  const char* const text = msg_as_string(home.get(), message, nullptr, 0, &bytes);
  std::string out = text == nullptr ? std::string() : std::string(text, bytes);
  msg_destroy(message);
  return out;
}

nta_incoming_t* MakeIncoming(nta_agent_t* agent, nta_leg_t* leg, const std::string& message) {
  if (message.empty()) return nullptr;
  msg_t* const made = msg_make(sip_default_mclass(), 0, message.data(), static_cast<ssize_t>(message.size()));
  sip_t* const sip = made == nullptr ? nullptr : sip_object(made);
  if (sip == nullptr || sip->sip_request == nullptr || sip->sip_cseq == nullptr || sip->sip_via == nullptr ||
      sip->sip_call_id == nullptr || sip->sip_from == nullptr || sip->sip_to == nullptr) {
    msg_destroy(made);
    return nullptr;
  }
  tport_t* const transport = TransportOf(agent, *sip->sip_via);
  if (transport == nullptr) {
    msg_destroy(made);
    return nullptr;
  }
  if (tport_is_stream(transport)) {
    msg_header_remove_param(sip->sip_via->v_common, "rport");
    sip->sip_via->v_rport = nullptr;
  }
  return nta_incoming_create(agent, leg, made, sip, NTATAG_TPORT(transport), TAG_END());
}

}  // namespace turret::node
