#include "node/session/sip_dialogs.h"

#include <algorithm>
#include <array>

#include "fmt/format.h"
#include "node/session/dialog_text.h"
#include "node/session/sip_request.h"
#include "node/session/text.h"
#include "storage/base/kill_point.h"

namespace turret::node {

constexpr char kAllow[] = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO";
constexpr char kAccept[] =
    "application/sdp, application/rs-metadata+xml, application/rs-metadata, application/rs-metadata-request, "
    "multipart/mixed";
constexpr char kSupported[] = "siprec, timer";

SipDialogs::SipDialogs(const SessionParts& parts, SessionJournal& journal, DurabilityGate& gate,
                       const std::atomic<bool>& draining, std::atomic<uint32_t>& running)
    : parts_(parts), journal_(journal), gate_(gate), draining_(draining), running_(running) {}

SipDialogs::Dialog* SipDialogs::Find(uint64_t id) {
  const auto found = dialogs_.find(id);
  return found == dialogs_.end() ? nullptr : found->second.get();
}

// Field tolerance: requests without a To tag, or with a wrong one, are told by Call-ID and From tag.
SipDialogs::Dialog* SipDialogs::FindByCall(const sip_t& sip) {
  const auto [begin, end] = by_call_id_.equal_range(CallIdOf(sip));
  for (auto entry = begin; entry != end; ++entry)
    if (Dialog* const dialog = Find(entry->second); dialog->record.remote_tag() == FromTagOf(sip))
      return dialog;
  return nullptr;
}

void SipDialogs::Count(std::string_view reason, uint64_t times) {
  for (uint64_t time = 0; time < times; ++time) {
    parts_.metrics.SipRefused(reason);
    parts_.presence.CountRefused(reason);
  }
}

int SipDialogs::Refuse(nta_incoming_t* irq, int status, std::string_view reason) {
  Count(reason);
  const char* header = nullptr;
  if (status == 503) header = "Retry-After: 5";
  if (status == 405) header = "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO";
  if (status == 415) header = "Accept-Encoding: identity";
  nta_incoming_treply(irq, status, nullptr, TAG_IF(header != nullptr, SIPTAG_HEADER_STR(header)), TAG_END());
  return status;
}

int SipDialogs::RefuseSession(nta_incoming_t* irq, const absl::Status& why, std::string_view resource) {
  if (absl::IsInvalidArgument(why)) return Refuse(irq, 488, "not_acceptable");
  if (absl::IsUnavailable(why)) return Refuse(irq, 503, "not_ready");
  if (absl::IsResourceExhausted(why)) return Refuse(irq, 503, resource);
  return Refuse(irq, 503, "disk");
}

std::string SipDialogs::ContactFor(std::string_view transport) const {
  const bool tcp = agent_->udp_port() == 0 || (transport == "tcp" && agent_->tcp_port() != 0);
  const bool v6 = parts_.advertised_address.find(':') != std::string::npos;
  return fmt::format("<sip:turret@{}{}{}:{};transport={}>;+sip.srs", v6 ? "[" : "", parts_.advertised_address,
                     v6 ? "]" : "", tcp ? agent_->tcp_port() : agent_->udp_port(), tcp ? "tcp" : "udp");
}

int SipDialogs::OnOutside(nta_incoming_t* irq, const sip_t& sip) {
  const sip_method_t method = nta_incoming_method(irq);
  if (method == sip_method_ack) {
    if (Dialog* const dialog = FindByCall(sip)) OnAck(*dialog, OfferOf(irq, sip));
    return 200;  // Nothing is sent, the library forgets it.
  }
  if (HasToTag(sip)) {
    Dialog* const dialog = FindByCall(sip);
    return dialog != nullptr ? OnInside(*dialog, irq, sip) : OnUnknown(irq, sip);
  }
  if (const int status = CheckRequired(irq, sip)) return status;
  switch (method) {
    case sip_method_invite:
      return OnInvite(irq, sip);
    case sip_method_options:
      return OnOptions(irq);
    case sip_method_cancel:
      return Refuse(irq, 481, "unknown_dialog");
    case sip_method_bye:
    case sip_method_update:
      if (Dialog* const dialog = FindByCall(sip)) return OnInside(*dialog, irq, sip);
      return OnUnknown(irq, sip);
    default:
      return Refuse(irq, 405, "method");
  }
}

// 100rel asks for reliable provisional answers: we send none.
int SipDialogs::CheckRequired(nta_incoming_t* irq, const sip_t& sip) {
  constexpr std::array<std::string_view, 3> kKnown = {"siprec", "timer", "100rel"};
  if (sip.sip_require == nullptr || sip.sip_require->k_items == nullptr) return 0;
  for (const msg_param_t* item = sip.sip_require->k_items; *item != nullptr; ++item) {
    if (std::find(kKnown.begin(), kKnown.end(), LowerCase(*item)) != kKnown.end()) continue;
    Count("extension");
    nta_incoming_treply(irq, SIP_420_BAD_EXTENSION, SIPTAG_UNSUPPORTED_STR(CleanText(*item).c_str()),
                        TAG_END());
    return 420;
  }
  return 0;
}

int SipDialogs::OnOptions(nta_incoming_t* irq) {
  nta_incoming_treply(irq, SIP_200_OK, SIPTAG_ALLOW_STR(kAllow), SIPTAG_ACCEPT_STR(kAccept),
                      SIPTAG_SUPPORTED_STR(kSupported), SIPTAG_CONTACT_STR(ContactFor("udp").c_str()),
                      TAG_END());
  return 200;
}

int SipDialogs::OnInvite(nta_incoming_t* irq, const sip_t& sip) {
  if (draining_) return Refuse(irq, 503, "draining");
  if (HasUnknownEncoding(sip)) return Refuse(irq, 415, "content_encoding");
  if (HasCutBody(sip)) return Refuse(irq, 400, "malformed");
  KillPoint("invite_read");
  nta_incoming_set_params(irq, NTATAG_EXTRA_100(0), TAG_END());  // Nothing is said before it is durable.
  const Offer offer = OfferOf(irq, sip);
  absl::StatusOr<std::unique_ptr<Session>> session = Session::Create(offer, parts_);
  if (!session.ok()) return RefuseSession(irq, session.status(), "no_ports");
  if (const absl::Status answered = (*session)->Answered(); !answered.ok()) {
    SubmitEnd(*std::move(session), v1::CallEnded::CANCELLED, nullptr);
    return Refuse(irq, 503, absl::IsResourceExhausted(answered) ? "spool_full" : "disk");
  }
  OpenDialog(irq, sip, offer, *std::move(session));
  return 0;
}

void SipDialogs::OpenDialog(nta_incoming_t* irq, const sip_t& sip, const Offer& offer,
                            std::unique_ptr<Session> session) {
  auto dialog = std::make_unique<Dialog>();
  dialog->record = DialogOf(sip);
  dialog->record.set_local_tag(nta_incoming_tag(irq, nullptr));
  dialog->record.set_contact(ContactFor(offer.transport));
  dialog->record.mutable_unacknowledged()->set_message(MessageOf(irq));
  dialog->record.mutable_unacknowledged()->set_sdp(session->answer_sdp());
  dialog->invite = irq;
  dialog->session = std::move(session);
  dialog->leg = nta_leg_tcreate(agent_->agent(), OnLeg, dialog.get(), SIPTAG_CALL_ID(sip.sip_call_id),
                                SIPTAG_FROM(sip.sip_to), SIPTAG_TO(sip.sip_from),
                                NTATAG_REMOTE_CSEQ(sip.sip_cseq->cs_seq), TAG_END());
  nta_leg_tag(dialog->leg, dialog->record.local_tag().c_str());
  nta_leg_server_route(dialog->leg, sip.sip_record_route, sip.sip_contact);
  nta_incoming_bind(irq, OnAckOrCancel, this);
  SetTimer(*dialog, sip);
  Dialog& opened = Insert(std::move(dialog));
  inviting_[irq] = opened.id;
  Journal(opened);
  gate_.Submit(nullptr, [this, id = opened.id](const absl::Status& durable) { Answer(id, durable); });
}

SipDialogs::Dialog& SipDialogs::Insert(std::unique_ptr<Dialog> dialog) {
  dialog->owner = this;
  dialog->id = next_id_++;
  by_call_id_.emplace(dialog->record.sip_id(), dialog->id);
  parts_.metrics.SessionsActive(++running_);
  return *(dialogs_[dialog->id] = std::move(dialog));
}

void SipDialogs::SetTimer(Dialog& dialog, const sip_t& sip) {
  if (sip.sip_session_expires != nullptr) dialog.record.set_expires_seconds(SessionExpiresSeconds(sip));
  dialog.expires_at = parts_.clock.Elapsed() + SessionTimeout(dialog.record.expires_seconds());
}

void SipDialogs::Answer(uint64_t dialog_id, const absl::Status& durable) {
  Dialog* const dialog = Find(dialog_id);
  if (dialog == nullptr || dialog->invite == nullptr) return;  // Cancelled, or ended before its answer.
  nta_incoming_t* const irq = std::exchange(dialog->invite, nullptr);
  inviting_.erase(irq);
  if (!durable.ok()) {
    RefuseSession(irq, durable, "spool_full");
    nta_incoming_destroy(irq);
    End(dialog_id, v1::CallEnded::CANCELLED, nullptr);
    return;
  }
  KillPoint("journaled");
  AnswerChange(dialog_id, irq, dialog->session->answer_sdp(), durable);
  KillPoint("ok_sent");
}

void SipDialogs::AnswerChange(uint64_t dialog_id, nta_incoming_t* irq, const std::string& sdp,
                              const absl::Status& durable) {
  changing_.erase(irq);
  const Dialog* const dialog = Find(dialog_id);
  const bool cancelled = nta_incoming_status(irq) >= 200;
  if (!cancelled && dialog == nullptr) Refuse(irq, 481, "unknown_dialog");
  if (!cancelled && dialog != nullptr && !durable.ok()) RefuseSession(irq, durable, "spool_full");
  if (!cancelled && dialog != nullptr && durable.ok()) SendOk(*dialog, irq, sdp);
  if (nta_incoming_method(irq) == sip_method_invite && nta_incoming_status(irq) == 200)
    unacknowledged_[irq] = dialog_id;
  else
    nta_incoming_destroy(irq);
}

void SipDialogs::SendOk(const Dialog& dialog, nta_incoming_t* irq, const std::string& sdp) {
  const uint32_t seconds = dialog.record.expires_seconds();
  const std::string timer = fmt::format("{};refresher=uac", seconds);
  const bool timed = seconds != 0;
  nta_incoming_treply(irq, SIP_200_OK, SIPTAG_CONTACT_STR(dialog.record.contact().c_str()),
                      SIPTAG_ALLOW_STR(kAllow), SIPTAG_ACCEPT_STR(kAccept), SIPTAG_SUPPORTED_STR(kSupported),
                      TAG_IF(timed, SIPTAG_SESSION_EXPIRES_STR(timer.c_str())),
                      TAG_IF(timed, SIPTAG_REQUIRE_STR("timer")),
                      TAG_IF(!sdp.empty(), SIPTAG_CONTENT_TYPE_STR("application/sdp")),
                      TAG_IF(!sdp.empty(), SIPTAG_PAYLOAD_STR(sdp.c_str())), TAG_END());
}

int SipDialogs::OnLeg(void* dialog, nta_leg_t*, nta_incoming_t* irq, const sip_t* sip) {
  auto& self = *static_cast<Dialog*>(dialog);
  return self.owner->OnInside(self, irq, *sip);
}

int SipDialogs::OnInside(Dialog& dialog, nta_incoming_t* irq, const sip_t& sip) {
  dialog.proven = true;
  switch (nta_incoming_method(irq)) {
    case sip_method_ack:  // Without its To tag, or with another CSeq: taken for what it is meant to be.
      OnAck(dialog, OfferOf(irq, sip));
      return 200;
    case sip_method_bye:
      return OnBye(dialog, irq);
    case sip_method_invite:
      if (!HasToTag(sip) && sip.sip_cseq->cs_seq == dialog.record.invite_cseq()) return OnMerged(dialog, irq);
      [[fallthrough]];
    case sip_method_update:
      return OnChange(dialog, irq, sip);
    case sip_method_options:
      return OnOptions(irq);
    case sip_method_info:
      nta_incoming_treply(irq, SIP_200_OK, TAG_END());
      return 200;
    default:
      return Refuse(irq, 405, "method");
  }
}

int SipDialogs::OnChange(Dialog& dialog, nta_incoming_t* irq, const sip_t& sip) {
  if (dialog.invite != nullptr || dialog.session->awaits_answer()) return Refuse(irq, 491, "glare");
  if (HasUnknownEncoding(sip)) return Refuse(irq, 415, "content_encoding");
  if (HasCutBody(sip)) return Refuse(irq, 400, "malformed");
  nta_leg_server_route(dialog.leg, nullptr, sip.sip_contact);
  SetTimer(dialog, sip);
  const bool invite = nta_incoming_method(irq) == sip_method_invite;
  std::string sdp;
  if (sip.sip_payload != nullptr) {
    absl::StatusOr<std::string> changed = dialog.session->Changed(OfferOf(irq, sip));
    if (!changed.ok()) return RefuseSession(irq, changed.status(), "no_ports");
    sdp = *std::move(changed);
  }
  if (invite && sdp.empty()) sdp = dialog.session->answer_sdp();  // An offer of ours: what is so already.
  if (invite) {
    nta_incoming_set_params(irq, NTATAG_EXTRA_100(0), TAG_END());
    dialog.record.mutable_unacknowledged()->set_message(MessageOf(irq));
    dialog.record.mutable_unacknowledged()->set_sdp(sdp);
  }
  if (std::string contact = RemoteContactOf(sip); !contact.empty())
    dialog.record.set_remote_contact(std::move(contact));
  Journal(dialog);
  nta_incoming_bind(irq, OnAckOrCancel, this);
  changing_.insert(irq);
  gate_.Submit(nullptr, [this, id = dialog.id, irq, sdp](const absl::Status& durable) {
    AnswerChange(id, irq, sdp, durable);
  });
  return 0;
}

int SipDialogs::OnBye(Dialog& dialog, nta_incoming_t* irq) {
  End(dialog.id, v1::CallEnded::BYE, irq);
  return 0;
}

void SipDialogs::End(uint64_t dialog_id, v1::CallEnded::Reason reason, nta_incoming_t* bye) {
  const auto found = dialogs_.find(dialog_id);
  const std::unique_ptr<Dialog> dialog = std::move(found->second);
  dialogs_.erase(found);
  const auto [begin, end] = by_call_id_.equal_range(dialog->record.sip_id());
  by_call_id_.erase(std::find_if(begin, end, [&](const auto& entry) { return entry.second == dialog_id; }));
  if (dialog->invite != nullptr) {
    inviting_.erase(dialog->invite);
    nta_incoming_treply(dialog->invite, SIP_487_REQUEST_CANCELLED, TAG_END());
    nta_incoming_destroy(dialog->invite);
  }
  if (dialog->probe.transaction != nullptr) nta_outgoing_destroy(dialog->probe.transaction);
  nta_leg_destroy(dialog->leg);
  parts_.metrics.SessionsActive(--running_);
  SubmitEnd(dialog->session, reason, bye);
}

// Draining a port may take a round of the receiver: the gate's thread waits for it, not this one.
void SipDialogs::SubmitEnd(std::shared_ptr<Session> session, v1::CallEnded::Reason reason,
                           nta_incoming_t* bye) {
  ++ends_under_way_;
  gate_.Submit([session, reason] { return session->End(reason); },
               [this, session, reason, bye](const absl::Status& durable) {
                 if (bye != nullptr) {
                   nta_incoming_treply(bye, SIP_200_OK, TAG_END());
                   nta_incoming_destroy(bye);
                 }
                 --ends_under_way_;
                 if (durable.ok())
                   journal_.Forget(session->call_id(), absl::ToUnixNanos(parts_.clock.Utc()));
                 else
                   endings_.push_back({session, reason});
               });
}

}  // namespace turret::node
