// The SIP library's event loop, sockets and transaction layer, on the thread that made it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "node/session/free_port.h"
#include "node/session/sip_server.h"
#include "node/session/sofia.h"

namespace turret::node {

class SipAgent {
 public:
  /// What a request outside of any dialog is answered with; 0: later.
  using OnRequest = std::function<int(nta_incoming_t*, const sip_t&)>;

  /// Binds the sockets. Errors as SipServer::Start.
  static absl::StatusOr<std::unique_ptr<SipAgent>> Create(const SipOptions& options, OnRequest on_request);
  ~SipAgent();
  SipAgent(const SipAgent&) = delete;
  SipAgent& operator=(const SipAgent&) = delete;

  /// Handles what there is, or waits for it up to `wait_ms`.
  void Step(int wait_ms);
  /// Makes a Step that waits return. From any thread, as long as the agent lives.
  void Wake();

  /// Messages that the library refused by itself since the last call.
  struct Refused {
    uint64_t malformed = 0;
    uint64_t oversized = 0;
  };
  Refused TakeRefused();

  /// A connection that the library reads no more: closed at once, or after a second so that its answer is
  /// read.
  void NoteBroken(const HostPort& peer, bool at_once);

  nta_agent_t* agent() const { return agent_; }
  uint16_t udp_port() const { return udp_port_; }
  uint16_t tcp_port() const { return tcp_port_; }

 private:
  explicit SipAgent(OnRequest on_request) : on_request_(std::move(on_request)) {}
  [[nodiscard]] absl::Status Open(const SipOptions& options);
  struct Broken {
    tport_t* connection;  // Ours to unref.
    su_time_t since;
    bool at_once;
  };
  void CloseBroken(bool all);
  [[nodiscard]] absl::Status Bind(const std::string& url, const SipOptions& options);

  const OnRequest on_request_;
  su_root_t* root_ = nullptr;
  nta_agent_t* agent_ = nullptr;
  nta_leg_t* default_leg_ = nullptr;
  su_wait_t wake_wait_[1] = {};
  int wake_fd_ = -1;
  uint16_t udp_port_ = 0;
  uint16_t tcp_port_ = 0;
  std::vector<Broken> broken_;
  uint64_t bad_messages_ = 0;
  uint64_t bad_requests_ = 0;
};

}  // namespace turret::node
