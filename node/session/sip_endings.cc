// How dialogs end without their client asking for it, and what happens with time.
#include <utility>
#include <vector>

#include "node/session/sip_dialogs.h"
#include "node/session/sip_request.h"

namespace turret::node {
namespace {

constexpr absl::Duration kRetryInterval = absl::Seconds(1);
constexpr absl::Duration kSettleInterval = absl::Seconds(2);

int OnByeAnswered(void*, nta_outgoing_t* orq, const sip_t* sip) {
  if (sip == nullptr || sip->sip_status == nullptr || sip->sip_status->st_status >= 200)
    nta_outgoing_destroy(orq);
  return 0;
}

}  // namespace

void SipDialogs::SendBye(const Dialog& dialog) {
  // A client whose Contact does not parse cannot be told: null, and nothing is sent.
  (void)nta_outgoing_tcreate(dialog.leg, OnByeAnswered, nullptr, nullptr, SIP_METHOD_BYE, nullptr, TAG_END());
}

// The earlier process may have ended the call, and died before it said so.
int SipDialogs::OnUnknown(nta_incoming_t* irq, const sip_t& sip) {
  if (nta_incoming_method(irq) != sip_method_bye || !over_.contains({CallIdOf(sip), FromTagOf(sip)}))
    return Refuse(irq, 481, "unknown_dialog");
  nta_incoming_treply(irq, SIP_200_OK, TAG_END());
  return 200;
}

void SipDialogs::EndAll(v1::CallEnded::Reason reason) {
  while (!dialogs_.empty()) {
    const Dialog& dialog = *dialogs_.begin()->second;
    if (dialog.invite == nullptr) SendBye(dialog);
    End(dialog.id, reason, nullptr);
  }
}

void SipDialogs::Expire() {
  const absl::Duration now = parts_.clock.Elapsed();
  std::vector<uint64_t> expired;
  for (const auto& [id, dialog] : dialogs_)
    if (dialog->record.expires_seconds() != 0 && now >= dialog->expires_at) expired.push_back(id);
  for (const uint64_t id : expired) {
    SendBye(*Find(id));
    End(id, v1::CallEnded::SESSION_EXPIRED, nullptr);
  }
}

void SipDialogs::RetryEnds() {
  for (Ending& ending : std::exchange(endings_, {}))
    SubmitEnd(std::move(ending.session), ending.reason, nullptr);
}

// Calls are put into the journal on this thread as they begin, and forgotten here once their end is durable.
void SipDialogs::Settle() {
  const absl::Duration now = parts_.clock.Elapsed();
  if (now - last_settled_ < kSettleInterval || ends_under_way_ > 0 || !endings_.empty()) return;
  last_settled_ = now;
  journal_.Settle(parts_.spool.Stats().position_durable);
}

void SipDialogs::Tick() {
  const SipAgent::Refused refused = agent_->TakeRefused();
  Count("malformed", refused.malformed);
  Count("oversized", refused.oversized);
  Count("garbage", refused.garbage);
  Count("stun", refused.stun);
  Count("unfinished", refused.unfinished);
  ReopenPorts();
  const absl::Duration now = parts_.clock.Elapsed();
  if (now - last_retry_ < kRetryInterval) return;
  last_retry_ = now;
  Expire();
  RetryEnds();
  WatchUnproven();
  Settle();
  if (journal_.dirty()) gate_.Submit(nullptr, [](const absl::Status&) {});
}

}  // namespace turret::node
