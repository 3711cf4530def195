// The dialogs of an earlier process, taken up again from the journal; and whether their clients still know
// them.
#include <utility>
#include <vector>

#include "node/session/dialog_text.h"
#include "node/session/lost_calls.h"
#include "node/session/sip_dialogs.h"
#include "node/session/sip_request.h"
#include "spdlog/spdlog.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

// Above what the earlier process may have sent since it wrote its own CSeq down; a probe a minute stays below
// it for days.
constexpr uint32_t kLocalCseqStep = 4096;
constexpr absl::Duration kReopenTime =
    absl::Seconds(1);  // A killed process holds its ports that long at most.
constexpr absl::Duration kProbeInterval = absl::Minutes(1);
constexpr absl::Duration kUnheardMax = absl::Minutes(15);

// RFC 7866, 9.3.
constexpr char kSnapshotRequest[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n"
    "<requestsnapshot xmlns='urn:ietf:params:xml:ns:recording:1'>\r\n"
    "  <requestreason xml:lang=\"en\">recording server restarted</requestreason>\r\n"
    "</requestsnapshot>\r\n";

}  // namespace

void SipDialogs::Rebuild() {
  size_t failed = 0;
  for (v1::JournaledDialog& journaled : journal_.Dialogs()) {
    const absl::StatusOr<CallId> call = CallId::FromProto(journaled.call_id());
    if (journaled.over()) over_.emplace(journaled.sip_id(), journaled.remote_tag());
    const absl::Status rebuilt = journaled.over() ? absl::OkStatus() : RebuildOne(journaled);
    if (!rebuilt.ok()) {
      ++failed;
      spdlog::error("a call of the earlier process cannot be taken up: {}", rebuilt.ToString());
    }
    if (call.ok() && journaled.over()) journal_.Forget(*call, absl::ToUnixNanos(parts_.clock.Utc()));
    if (call.ok() && !rebuilt.ok()) EndUnbuilt(*call);
  }
  Listen();
  if (dialogs_.empty() && failed == 0) return;
  spdlog::info("{} calls of the earlier process go on", dialogs_.size());
  started_at_ = parts_.clock.Elapsed();
  // What is sent counts on from a CSeq that is journaled.
  gate_.Submit(nullptr, [this](const absl::Status&) { ProbeAll(); });
}

// Nobody else would: the spool is read from where the journal is settled.
void SipDialogs::EndUnbuilt(CallId call) {
  ++ends_under_way_;
  gate_.Submit(
      [this, call] {
        const int64_t now_ns = absl::ToUnixNanos(parts_.clock.Utc());
        return parts_.spool.AppendFact(EndOfLostCall(call.ToProto(), now_ns, parts_.random)).status();
      },
      [this, call](const absl::Status& durable) {
        --ends_under_way_;
        if (durable.ok())
          journal_.Forget(call, absl::ToUnixNanos(parts_.clock.Utc()));  // Else the next start tries again.
      });
}

absl::Status SipDialogs::RebuildOne(const v1::JournaledDialog& journaled) {
  auto dialog = std::make_unique<Dialog>();
  dialog->record = journaled;
  dialog->record.clear_session();
  dialog->record.set_local_cseq(journaled.local_cseq() + kLocalCseqStep);
  dialog->rebuilt = true;
  dialog->proven = false;
  dialog->leg = MakeLeg(agent_->agent(), OnLeg, dialog.get(), dialog->record);
  if (dialog->leg == nullptr) return absl::InvalidArgumentError("its addresses make no dialog");
  absl::StatusOr<std::unique_ptr<Session>> session = Session::Restore(journaled.session(), parts_);
  if (!session.ok()) {
    nta_leg_destroy(dialog->leg);
    return session.status();
  }
  dialog->session = *std::move(session);
  dialog->expires_at = parts_.clock.Elapsed() + SessionTimeout(dialog->record.expires_seconds());
  Dialog& running = Insert(std::move(dialog));
  if (!running.session->ReopenPorts(reopened_)) reopening_.insert(running.id);
  Journal(running);
  AnswerAnew(running);
  return absl::OkStatus();
}

// Its 200 was durable, and perhaps sent; the ACK may have come to nobody.
void SipDialogs::AnswerAnew(const Dialog& dialog) {
  if (!dialog.record.has_unacknowledged()) return;
  nta_incoming_t* const irq =
      MakeIncoming(agent_->agent(), dialog.leg, dialog.record.unacknowledged().message());
  if (irq != nullptr) AnswerAnew(dialog, irq);
}

void SipDialogs::AnswerAnew(const Dialog& dialog, nta_incoming_t* irq) {
  nta_incoming_bind(irq, OnAckOrCancel, this);
  unacknowledged_[irq] = dialog.id;
  SendOk(dialog, irq, dialog.record.unacknowledged().sdp());
  if (nta_incoming_status(irq) == 200) return;
  unacknowledged_.erase(irq);  // Nobody is there: the client asks anew, and is answered then.
  nta_incoming_destroy(irq);
}

// Another process may hold a port for good: its stream then gets no packets, and the books show it.
void SipDialogs::ReopenPorts() {
  if (reopening_.empty()) return;
  std::erase_if(reopening_, [this](uint64_t id) {
    const Dialog* const dialog = Find(id);
    return dialog == nullptr || dialog->session->ReopenPorts(reopened_);
  });
  Listen();
  if (reopening_.empty() || parts_.clock.Elapsed() - started_at_ < kReopenTime) return;
  spdlog::error("{} calls have a media port that somebody else holds: what is sent there is not recorded",
                reopening_.size());
  parts_.metrics.BrokenInvariant("media_port_taken");
  reopening_.clear();
}

// When all are open: what waits in the sockets of the first would hold up the last.
void SipDialogs::Listen() {
  if (const absl::Status listening = parts_.ports.Listen(reopened_); !listening.ok())
    spdlog::error("media ports are open, and nobody listens: {}", listening.ToString());
  reopened_.clear();
}

void SipDialogs::ProbeAll() {
  for (const auto& [id, dialog] : dialogs_)
    if (!dialog->proven) Probe(*dialog);
}

void SipDialogs::Probe(Dialog& dialog) {
  const absl::Duration now = parts_.clock.Elapsed();
  if (dialog.probe.transaction != nullptr) return;
  if (dialog.probe.heard_at == absl::ZeroDuration()) dialog.probe.heard_at = now;
  dialog.probe.sent_at = now;
  dialog.probe.owner = this;
  dialog.probe.dialog_id = dialog.id;
  const bool snapshot = dialog.session->LacksMetadata();
  const char* const contact = dialog.record.contact().c_str();
  if (snapshot) {
    dialog.probe.transaction = nta_outgoing_tcreate(
        dialog.leg, OnProbed, &dialog.probe, nullptr, SIP_METHOD_UPDATE, nullptr, SIPTAG_CONTACT_STR(contact),
        SIPTAG_CONTENT_TYPE_STR("application/rs-metadata-request"),
        SIPTAG_CONTENT_DISPOSITION_STR("recording-session"), SIPTAG_PAYLOAD_STR(kSnapshotRequest), TAG_END());
  } else {
    dialog.probe.transaction =
        nta_outgoing_tcreate(dialog.leg, OnProbed, &dialog.probe, nullptr, SIP_METHOD_OPTIONS, nullptr,
                             SIPTAG_CONTACT_STR(contact), TAG_END());
  }
}

// 481: it knows no such dialog. A timeout, or an error on the way, proves nothing.
int SipDialogs::OnProbed(void* probe, nta_outgoing_t* orq, const sip_t* sip) {
  Probing& self = *static_cast<Probing*>(probe);
  const int status = sip != nullptr && sip->sip_status != nullptr ? sip->sip_status->st_status : 408;
  if (status < 200) return 0;
  msg_t* const answer = nta_outgoing_getresponse(orq);
  const bool no_proof = answer == nullptr || nta_msg_is_internal(answer) || status == 408 || status == 503;
  if (answer != nullptr) msg_destroy(answer);
  nta_outgoing_destroy(std::exchange(self.transaction, nullptr));
  if (no_proof) return 0;
  Dialog& dialog = *self.owner->Find(self.dialog_id);
  dialog.proven = true;
  if (status != 481) return 0;
  // It may have hung up while nobody listened: its BYE is then still to come.
  self.owner->over_.emplace(dialog.record.sip_id(), dialog.record.remote_tag());
  self.owner->End(self.dialog_id, v1::CallEnded::NODE_LOST, nullptr);
  return 0;
}

// Who neither answers nor sends for so long, and promised no refresh that could be missed, is gone.
void SipDialogs::WatchUnproven() {
  const absl::Duration now = parts_.clock.Elapsed();
  std::vector<uint64_t> gone;
  for (const auto& [id, dialog] : dialogs_) {
    if (dialog->proven || dialog->probe.sent_at == absl::ZeroDuration()) continue;
    const uint64_t datagrams = dialog->session->datagrams();
    if (std::exchange(dialog->probe.datagrams, datagrams) != datagrams) dialog->probe.heard_at = now;
    if (dialog->record.expires_seconds() == 0 && now - dialog->probe.heard_at >= kUnheardMax)
      gone.push_back(id);
    else if (now - dialog->probe.sent_at >= kProbeInterval)
      Probe(*dialog);
  }
  for (const uint64_t id : gone) End(id, v1::CallEnded::NODE_LOST, nullptr);
}

void SipDialogs::Journal(Dialog& dialog) {
  dialog.record.set_local_cseq(nta_leg_get_seq(dialog.leg));
  dialog.record.set_remote_cseq(nta_leg_get_rseq(dialog.leg));
  v1::JournaledDialog journaled = dialog.record;
  *journaled.mutable_session() = dialog.session->Journaled();
  journaled.set_call_id(dialog.session->call_id().ToProto());
  journal_.Put(std::move(journaled));
}

}  // namespace turret::node
