// The dialogs of the recording server: each SIP request becomes what a Session understands, each answer waits
// until what it promises is durable. On the SIP thread only.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "node/session/durability_gate.h"
#include "node/session/session.h"
#include "node/session/session_journal.h"
#include "node/session/sip_agent.h"
#include "node/session/sofia.h"

namespace turret::node {

class SipDialogs {
 public:
  /// `agent` is set before the first request. `draining` and `running` belong to the server.
  SipDialogs(const SessionParts& parts, SessionJournal& journal, DurabilityGate& gate,
             const std::atomic<bool>& draining, std::atomic<uint32_t>& running);
  void SetAgent(SipAgent* agent) { agent_ = agent; }

  /// Takes up what the journal holds of an earlier process. Before the first request.
  void Rebuild();
  /// A request outside of the library's dialogs. Returns the status to answer, 0 when that was done or comes
  /// later.
  int OnOutside(nta_incoming_t* irq, const sip_t& sip);
  /// Timers, and refusals of the library's own.
  void Tick();
  /// Ends all, and tells the clients.
  void EndAll(v1::CallEnded::Reason reason);

 private:
  /// What asks the client of a rebuilt dialog whether it still knows it.
  struct Probing {
    SipDialogs* owner = nullptr;
    uint64_t dialog_id = 0;
    nta_outgoing_t* transaction = nullptr;  // While it has no answer.
    absl::Duration sent_at;
    uint64_t datagrams = 0;
    absl::Duration heard_at;  // When that number last changed.
  };
  struct Dialog {
    SipDialogs* owner = nullptr;
    uint64_t id = 0;
    v1::JournaledDialog record;  // Without the session's part, which is the session's own.
    nta_leg_t* leg = nullptr;
    nta_incoming_t* invite = nullptr;  // Until its answer.
    std::shared_ptr<Session> session;
    absl::Duration expires_at;
    bool rebuilt = false;  // Of an earlier process.
    bool proven = true;    // Its client was heard of since.
    Probing probe;
  };

  static int OnLeg(void* dialog, nta_leg_t*, nta_incoming_t* irq, const sip_t* sip);
  static int OnAckOrCancel(void* dialogs, nta_incoming_t* irq, const sip_t* sip);

  int OnInvite(nta_incoming_t* irq, const sip_t& sip);
  int OnInside(Dialog& dialog, nta_incoming_t* irq, const sip_t& sip);
  int OnChange(Dialog& dialog, nta_incoming_t* irq, const sip_t& sip);
  int OnBye(Dialog& dialog, nta_incoming_t* irq);
  int OnOptions(nta_incoming_t* irq);
  int CheckRequired(nta_incoming_t* irq, const sip_t& sip);
  void OnCancel(nta_incoming_t* irq);
  void OnAck(Dialog& dialog, const Offer& ack);
  int OnUnknown(nta_incoming_t* irq, const sip_t& sip);
  int OnMerged(Dialog& dialog, nta_incoming_t* irq);

  void OpenDialog(nta_incoming_t* irq, const sip_t& sip, const Offer& offer,
                  std::unique_ptr<Session> session);
  Dialog& Insert(std::unique_ptr<Dialog> dialog);
  void Answer(uint64_t dialog_id, const absl::Status& durable);
  void AnswerChange(uint64_t dialog_id, nta_incoming_t* irq, const std::string& sdp,
                    const absl::Status& durable);
  void SendOk(const Dialog& dialog, nta_incoming_t* irq, const std::string& sdp);
  void End(uint64_t dialog_id, v1::CallEnded::Reason reason, nta_incoming_t* bye);
  void SubmitEnd(std::shared_ptr<Session> session, v1::CallEnded::Reason reason, nta_incoming_t* bye);
  void SendBye(const Dialog& dialog);
  [[nodiscard]] absl::Status RebuildOne(const v1::JournaledDialog& journaled);
  void EndUnbuilt(CallId call);
  void AnswerAnew(const Dialog& dialog);
  void AnswerAnew(const Dialog& dialog, nta_incoming_t* irq);
  void ReopenPorts();
  void Listen();
  void ProbeAll();
  void Probe(Dialog& dialog);
  static int OnProbed(void* probe, nta_outgoing_t* orq, const sip_t* sip);
  void WatchUnproven();
  /// What the dialog is now, to be durable with the gate's next commit.
  void Journal(Dialog& dialog);
  void Expire();
  void RetryEnds();
  /// So that the next start reads little of the spool.
  void Settle();

  /// Answers with an error, counted under `reason`; returns `status`.
  int Refuse(nta_incoming_t* irq, int status, std::string_view reason);
  int RefuseSession(nta_incoming_t* irq, const absl::Status& why, std::string_view resource);
  void Count(std::string_view reason, uint64_t times = 1);
  Dialog* Find(uint64_t id);
  Dialog* FindByCall(const sip_t& sip);
  std::string ContactFor(std::string_view transport) const;
  void SetTimer(Dialog& dialog, const sip_t& sip);

  const SessionParts parts_;
  SessionJournal& journal_;
  DurabilityGate& gate_;
  const std::atomic<bool>& draining_;
  std::atomic<uint32_t>& running_;
  SipAgent* agent_ = nullptr;
  uint64_t next_id_ = 1;
  std::map<uint64_t, std::unique_ptr<Dialog>> dialogs_;
  std::multimap<std::string, uint64_t> by_call_id_;
  std::map<nta_incoming_t*, uint64_t> inviting_;        // Not answered yet: what a CANCEL ends.
  std::map<nta_incoming_t*, uint64_t> unacknowledged_;  // Answered with 200: what an ACK ends.
  std::set<nta_incoming_t*> changing_;  // The gate will answer these: not to be forgotten before.
  struct Ending {
    std::shared_ptr<Session> session;
    v1::CallEnded::Reason reason;
  };
  std::vector<Ending> endings_;  // The spool did not take their end yet.
  size_t ends_under_way_ = 0;    // They stand in the spool, perhaps, and not in the journal.
  absl::Duration last_retry_;
  absl::Duration last_settled_;
  absl::Duration started_at_;
  std::set<uint64_t> reopening_;                        // Some of their ports are not free yet.
  std::vector<StreamId> reopened_;                      // And these are not listened to yet.
  std::set<std::pair<std::string, std::string>> over_;  // Call-ID and From tag; a BYE may still want its 200.
};

}  // namespace turret::node
