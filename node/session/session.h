// One SIPREC recording session (RFC 7866), free of any SIP library: what was offered, what metadata came,
// what goes to the spool. The SIP adapter (sip_server.h) feeds it; tests feed it directly.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "monitoring/metrics.h"
#include "node/presence/enrolment_cache.h"
#include "node/presence/presence.h"
#include "node/receive/media_ports.h"
#include "node/session/multipart.h"
#include "node/spool/spool.h"
#include "storage/base/clock.h"
#include "storage/base/random.h"
#include "turret/v1/journal.pb.h"

namespace turret::node {

/// What every session uses; all of it outlives the sessions.
struct SessionParts {
  Spool& spool;
  MediaPorts& ports;
  Presence& presence;
  EnrolmentCache& enrolment;
  NodeMetrics& metrics;
  Clock& clock;
  Random& random;
  NodeId node;
  std::string advertised_address;  // For the answer's c= line.
};

/// What a SIP request that opens or changes a session brings.
struct Offer {
  std::string sip_call_id;
  std::string source_address;   // ip:port
  std::string transport;        // "udp", "tcp"
  std::string device;           // User-Agent
  std::vector<BodyPart> parts;  // SDP and metadata, as they came.
  bool odd_contact = false;
  bool odd_body = false;  // A multipart that is not whole.
};

/// Threading: one thread at a time (the SIP server's; a session that ends may be handed to another).
class Session {
 public:
  /// Handles the INVITE: reads SDP and metadata, matches lines, opens ports. Nothing is in the spool yet.
  /// Without SDP the offer is ours: one m-line for each stream of the metadata, two when it tells none.
  /// Errors, for the SIP answer: ResourceExhausted (503), Unavailable (503: no archive keys yet),
  /// InvalidArgument (488: SDP without audio that can be recorded — never because of metadata).
  static absl::StatusOr<std::unique_ptr<Session>> Create(const Offer& offer, const SessionParts& parts);
  /// What the 200 carries: our answer, or our offer.
  const std::string& answer_sdp() const;
  /// The call's time begins: unit key, call and streams go to the spool, in this order. The 200 OK may go out
  /// when they are durable: see journaled(). After an error the caller ends the session.
  [[nodiscard]] absl::Status Answered();
  /// Our offer stands, and no ACK came: its ports are bound, and what comes waits in their sockets.
  bool awaits_answer() const;
  /// The ACK: its SDP answers our offer, and the streams begin. Without any that can be read they begin as we
  /// offered them, so that nothing that comes is lost; `ack` without parts also stands for an ACK that never
  /// came. Does nothing unless awaits_answer(). After an error the caller ends the session. Errors: as the
  /// spool's.
  [[nodiscard]] absl::Status Acknowledged(const Offer& ack);
  /// re-INVITE or UPDATE with a new offer and perhaps metadata; returns the new answer's SDP, empty when
  /// there was no SDP to answer. Hold and resume become pause and recording; a new m-line becomes a new
  /// stream. Errors: InvalidArgument (488, the session goes on as it was: a stream's codec cannot change),
  /// ResourceExhausted.
  absl::StatusOr<std::string> Changed(const Offer& offer);
  /// Ends the call now: ports are drained and closed, then the end goes to the spool. When the spool is full
  /// the facts are kept: call again until it is OK; the call's end stays the instant of the first call.
  [[nodiscard]] absl::Status End(v1::CallEnded::Reason reason);
  /// Position of the last record that this session appended; 0: none yet.
  uint64_t journaled() const;
  CallId call_id() const;

  /// What a new process needs to go on with this call, once it is answered.
  v1::JournaledSession Journaled() const;
  /// The call of an earlier process, in the state that it was in: same ids, nothing said to the spool. Its
  /// lines are busy from now on; its ports are closed until ReopenPorts. Errors: InvalidArgument when that is
  /// no session.
  static absl::StatusOr<std::unique_ptr<Session>> Restore(const v1::JournaledSession& from,
                                                          const SessionParts& parts);
  /// Opens the ports that are not open yet; what comes waits there until the caller listens to the streams
  /// that are `reopened` (added to what stands there). False: not all could be had; try again for a second.
  bool ReopenPorts(std::vector<StreamId>& reopened);
  /// Partial documents came, and none that they build on: the client can be asked for a snapshot (RFC 7866).
  bool LacksMetadata() const;
  /// Datagrams that came to this session's ports in this process.
  uint64_t datagrams() const;
  /// Closes ports that are still open.
  ~Session();

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace turret::node
