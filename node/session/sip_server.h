// The node as a SIPREC Session Recording Server (RFC 7866) on UDP and TCP: one thread over the SIP library's
// transaction layer. It answers, and hands what was said to Sessions; calls run on when a connection breaks.
//
// What it refuses, each counted in NodeMetrics::SipRefused and Presence::CountRefused under this reason:
//   malformed 400, oversized 413, garbage and stun (no request: not answered), unfinished (a message on a
//   connection that does not end); content_encoding 415, extension 420, method 405, unknown_dialog 481,
//   merged 482; not_acceptable 488: no audio over RTP/AVP, or a stream's
//   codec would change; glare 491: a change before the INVITE is answered; draining, not_ready, no_ports,
//   spool_full, disk: 503 with Retry-After.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "node/session/session.h"
#include "node/session/session_journal.h"
#include "turret/v1/capture.pb.h"

namespace turret::node {

struct SipOptions {
  std::string udp =
      "127.0.0.1:5060";  // "address:port", "[v6]:port"; empty: not on UDP. Port 0: one that is free, …
  std::string tcp = "127.0.0.1:5060";  // … the same for both.
  size_t message_bytes_max = size_t{512} * 1024;
};

/// Threading: every method from any thread. What `parts` refers to outlives the server.
class SipServer {
 public:
  /// Listens on return. What `journal` holds of an earlier process goes on: same calls, streams and ports
  /// (what was read and not answered is answered now), each client asked whether it knows of it. Errors:
  /// InvalidArgument (an address), Unavailable (a port that is taken).
  static absl::StatusOr<std::unique_ptr<SipServer>> Start(
      const SipOptions& options, const SessionParts& parts,
      SessionJournal& journal ABSL_ATTRIBUTE_LIFETIME_BOUND);
  uint16_t udp_port() const;
  uint16_t tcp_port() const;
  uint32_t sessions() const;  // Running now.
  /// New calls are refused from now on (503); running ones go on.
  void Drain();
  /// Drains, ends the running calls (the clients are told: BYE), and stops. Their ends are durable on return,
  /// unless the spool is full: then the next start finds calls without an end.
  void Stop(v1::CallEnded::Reason reason);
  /// Stops without ending a call: nobody is told, and a server that is started on the same journal goes on
  /// with them. The media ports are closed; who keeps copies of their sockets loses nothing. Errors: as the
  /// journal's Commit; what it held before is not lost.
  [[nodiscard]] absl::Status Leave();
  ~SipServer();

 private:
  struct State;
  explicit SipServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace turret::node
