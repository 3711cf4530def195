// The SIP library's event loop, sockets and transaction layer, on the thread that made it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/attributes.h"
#include "absl/status/statusor.h"
#include "node/session/connection_watch.h"
#include "node/session/free_port.h"
#include "node/session/sip_server.h"
#include "node/session/sofia.h"
#include "storage/base/clock.h"

namespace turret::node {

class SipAgent {
 public:
  /// What a request outside of any dialog is answered with; 0: later.
  using OnRequest = std::function<int(nta_incoming_t*, const sip_t&)>;

  /// Binds the sockets. Errors as SipServer::Start.
  static absl::StatusOr<std::unique_ptr<SipAgent>> Create(const SipOptions& options,
                                                          Clock& clock ABSL_ATTRIBUTE_LIFETIME_BOUND,
                                                          OnRequest on_request);
  ~SipAgent();
  SipAgent(const SipAgent&) = delete;
  SipAgent& operator=(const SipAgent&) = delete;

  /// Handles what there is, or waits for it up to `wait_ms`.
  void Step(int wait_ms);
  /// Makes a Step that waits return. From any thread, as long as the agent lives.
  void Wake();

  /// What came since the last call and never became a request of ours.
  struct Refused {
    uint64_t malformed = 0;   // Requests; answered with 400 when they say where to.
    uint64_t oversized = 0;   // Answered with 413.
    uint64_t garbage = 0;     // No request at all, or an answer that cannot be read.
    uint64_t stun = 0;        // On UDP.
    uint64_t unfinished = 0;  // Connections closed since a message on them did not end.
  };
  Refused TakeRefused();

  nta_agent_t* agent() const { return agent_; }
  uint16_t udp_port() const { return udp_port_; }
  uint16_t tcp_port() const { return tcp_port_; }

 private:
  SipAgent(Clock& clock, OnRequest on_request) : on_request_(std::move(on_request)), watch_(clock) {}
  [[nodiscard]] absl::Status Open(const SipOptions& options);
  struct Counts {  // Of the library, ever growing.
    usize_t messages = 0;
    usize_t requests = 0;
    usize_t answers = 0;
    usize_t bad_messages = 0;
    usize_t bad_requests = 0;
    usize_t bad_answers = 0;
  };
  [[nodiscard]] absl::Status Bind(const std::string& url, const SipOptions& options);

  const OnRequest on_request_;
  su_root_t* root_ = nullptr;
  nta_agent_t* agent_ = nullptr;
  nta_leg_t* default_leg_ = nullptr;
  su_wait_t wake_wait_[1] = {};
  int wake_fd_ = -1;
  uint16_t udp_port_ = 0;
  uint16_t tcp_port_ = 0;
  ConnectionWatch watch_;
  Counts counted_;
};

}  // namespace turret::node
