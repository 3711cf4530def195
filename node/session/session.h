// One SIPREC recording session (RFC 7866), free of any SIP library: what was offered, what metadata came, what goes
// to the spool. The SIP adapter (sip_server.h) feeds it; tests feed it directly.
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
  std::string source_address;     // ip:port
  std::string transport;          // "udp", "tcp"
  std::string device;             // User-Agent
  std::vector<BodyPart> parts;    // SDP and metadata, as they came.
  bool odd_contact = false;
};

/// Threading: one thread (the SIP server's).
class Session {
 public:
  /// Handles the INVITE: matches lines, opens ports, journals unit key and facts in the spool. The answer's SDP is
  /// returned; the call begins when Answered() is called. Errors, for the SIP answer: ResourceExhausted (503),
  /// Unavailable (503: no archive keys yet), InvalidArgument (488: SDP has no media that can be recorded — never
  /// because of metadata).
  static absl::StatusOr<std::unique_ptr<Session>> Create(const Offer& offer, const SessionParts& parts);
  const std::string& answer_sdp() const;
  /// The 200 OK goes out now: the call's time begins.
  [[nodiscard]] absl::Status Answered();
  /// re-INVITE or UPDATE with a new offer and perhaps metadata; returns the new answer's SDP. Hold and resume become
  /// pause and recording.
  absl::StatusOr<std::string> Changed(const Offer& offer);
  /// Ends the call: ports are drained and closed, then the end goes to the spool.
  [[nodiscard]] absl::Status End(v1::CallEnded::Reason reason);
  CallId call_id() const;
  ~Session();

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace turret::node
