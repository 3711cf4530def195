// What follows an answered INVITE: its ACK, which may bring the answer to an offer of ours; or its CANCEL.
#include "node/session/sip_dialogs.h"
#include "node/session/sip_request.h"
#include "storage/base/kill_point.h"

namespace turret::node {

// The answered INVITE of a dialog or a re-INVITE: its ACK ends it. A null message is the timeout without an
// ACK: the call is recorded on, since its audio may well come.
int SipDialogs::OnAckOrCancel(void* dialogs, nta_incoming_t* irq, const sip_t* sip) {
  auto& self = *static_cast<SipDialogs*>(dialogs);
  if (sip != nullptr && sip->sip_request->rq_method == sip_method_cancel) {
    self.OnCancel(irq);
  } else if (!self.changing_.contains(irq)) {
    KillPoint("before_ack");
    if (const auto answered = self.unacknowledged_.extract(irq))
      if (Dialog* const dialog = self.Find(answered.mapped())) {
        dialog->proven = dialog->proven || sip != nullptr;
        self.OnAck(*dialog, sip != nullptr ? OfferOf(irq, *sip) : Offer{});
      }
    nta_incoming_destroy(irq);
  }
  return 0;
}

void SipDialogs::OnCancel(nta_incoming_t* irq) {
  const auto found = inviting_.find(irq);
  if (found == inviting_.end()) return;
  const uint64_t id = found->second;
  Dialog* const dialog = Find(id);
  inviting_.erase(found);
  dialog->invite = nullptr;
  nta_incoming_treply(irq, SIP_487_REQUEST_CANCELLED, TAG_END());
  nta_incoming_destroy(irq);
  End(id, v1::CallEnded::CANCELLED, nullptr);
}

// An INVITE that came twice: on two ways, which is refused; or once more after a restart, from a client that
// had no answer and makes a request of its own out of it.
int SipDialogs::OnMerged(Dialog& dialog, nta_incoming_t* irq) {
  if (!dialog.rebuilt || !dialog.record.has_unacknowledged()) return Refuse(irq, 482, "merged");
  AnswerAnew(dialog, irq);
  return 0;
}

void SipDialogs::OnAck(Dialog& dialog, const Offer& ack) {
  const bool began = dialog.session->awaits_answer();
  if (const absl::Status begun = dialog.session->Acknowledged(ack); !begun.ok()) {
    Count(absl::IsResourceExhausted(begun) ? "spool_full" : "disk");
    SendBye(dialog);
    End(dialog.id, v1::CallEnded::CANCELLED, nullptr);
    return;
  }
  if (!dialog.record.has_unacknowledged()) return;
  dialog.record.clear_unacknowledged();
  Journal(dialog);
  if (began) gate_.Submit(nullptr, [](const absl::Status&) {});  // Streams began: not to begin again.
}

}  // namespace turret::node
