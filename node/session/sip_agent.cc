#include "node/session/sip_agent.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "absl/memory/memory.h"
#include "fmt/format.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

void InitializeLibrary() {
  static std::once_flag once;
  std::call_once(once, [] { su_init(); });
  ConnectionWatch::TakeOver();
}

// The library counts each on its own, and may miss one of them: never below zero.
uint64_t Less(uint64_t all, uint64_t part) { return all - std::min(all, part); }

int OnWake(void*, su_wait_t* wait, void* fd) {
  su_wait_events(wait, static_cast<int>(reinterpret_cast<intptr_t>(fd)));
  uint64_t count = 0;
  (void)!read(static_cast<int>(reinterpret_cast<intptr_t>(fd)), &count, sizeof count);
  return 0;
}

int OnDefaultLeg(void* on_request, nta_leg_t*, nta_incoming_t* irq, const sip_t* sip) {
  return (*static_cast<const SipAgent::OnRequest*>(on_request))(irq, *sip);
}

std::string UrlOf(const HostPort& at, const char* transport) {
  const bool v6 = at.host.find(':') != std::string::npos;
  return fmt::format("sip:{}{}{}:{};transport={}", v6 ? "[" : "", at.host, v6 ? "]" : "", at.port, transport);
}

absl::Status ChoosePorts(bool on_udp, HostPort& udp, bool on_tcp, HostPort& tcp) {
  if (on_udp && on_tcp && udp.host == tcp.host && udp.port == tcp.port) {
    TURRET_ASSIGN_OR_RETURN(udp.port, FindFreePort(udp, true, true));
    tcp.port = udp.port;
    return absl::OkStatus();
  }
  if (on_udp) {
    TURRET_ASSIGN_OR_RETURN(udp.port, FindFreePort(udp, true, false));
  }
  if (on_tcp) {
    TURRET_ASSIGN_OR_RETURN(tcp.port, FindFreePort(tcp, false, true));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<SipAgent>> SipAgent::Create(const SipOptions& options, Clock& clock,
                                                           OnRequest on_request) {
  InitializeLibrary();
  auto agent = absl::WrapUnique(new SipAgent(clock, std::move(on_request)));
  TURRET_RETURN_IF_ERROR(agent->Open(options));
  return agent;
}

absl::Status SipAgent::Open(const SipOptions& options) {
  HostPort udp;
  HostPort tcp;
  if (!options.udp.empty()) {
    TURRET_ASSIGN_OR_RETURN(udp, ParseHostPort(options.udp));
  }
  if (!options.tcp.empty()) {
    TURRET_ASSIGN_OR_RETURN(tcp, ParseHostPort(options.tcp));
  }
  if (options.udp.empty() && options.tcp.empty())
    return absl::InvalidArgumentError("SIP: neither UDP nor TCP");
  TURRET_RETURN_IF_ERROR(ChoosePorts(!options.udp.empty(), udp, !options.tcp.empty(), tcp));
  root_ = su_root_create(nullptr);
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (root_ == nullptr || wake_fd_ < 0) return absl::ResourceExhaustedError("SIP: no event loop can be made");
  su_root_threading(root_, 0);
  su_wait_create(wake_wait_, wake_fd_, SU_WAIT_IN);
  su_root_register(root_, wake_wait_, OnWake, reinterpret_cast<void*>(static_cast<intptr_t>(wake_fd_)), 0);
  if (!options.udp.empty()) TURRET_RETURN_IF_ERROR(Bind(UrlOf(udp, "udp"), options));
  if (!options.tcp.empty()) TURRET_RETURN_IF_ERROR(Bind(UrlOf(tcp, "tcp"), options));
  udp_port_ = udp.port;
  tcp_port_ = tcp.port;
  default_leg_ = nta_leg_tcreate(agent_, OnDefaultLeg, const_cast<OnRequest*>(&on_request_),
                                 NTATAG_NO_DIALOG(1), TAG_END());
  return default_leg_ != nullptr ? absl::OkStatus() : absl::InternalError("SIP: no default leg");
}

absl::Status SipAgent::Bind(const std::string& url, const SipOptions& options) {
  if (agent_ == nullptr) {
    // Bad headers are ours to judge (NTATAG_BAD_REQ_MASK): real devices send a Contact that does not parse.
    agent_ = nta_agent_create(root_, URL_STRING_MAKE(url.c_str()), nullptr, nullptr, NTATAG_UA(1),
                              NTATAG_BAD_REQ_MASK(0), NTATAG_MAXSIZE(options.message_bytes_max),
                              NTATAG_SERVER_RPORT(1), NTATAG_UDP_MTU(65535), TAG_END());
    if (agent_ != nullptr) return absl::OkStatus();
  } else if (nta_agent_add_tport(agent_, URL_STRING_MAKE(url.c_str()), TAG_END()) == 0) {
    return absl::OkStatus();
  }
  return absl::UnavailableError(fmt::format("{}: cannot be bound", url));
}

SipAgent::~SipAgent() {
  watch_.CloseAll();
  if (default_leg_ != nullptr) nta_leg_destroy(default_leg_);
  if (agent_ != nullptr) nta_agent_destroy(agent_);
  if (root_ != nullptr) {
    su_root_unregister(root_, wake_wait_, OnWake, reinterpret_cast<void*>(static_cast<intptr_t>(wake_fd_)));
    su_root_destroy(root_);
  }
  if (wake_fd_ >= 0) close(wake_fd_);
}

void SipAgent::Step(int wait_ms) {
  watch_.Begin();
  su_root_step(root_, wait_ms);
  watch_.End();
  watch_.CloseDue();
}

void SipAgent::Wake() {
  const uint64_t one = 1;
  (void)!write(wake_fd_, &one, sizeof one);
}

// A message that is neither request nor answer counts as message only; one that is too large counts as bad
// request, but not as bad message.
SipAgent::Refused SipAgent::TakeRefused() {
  Counts now;
  nta_agent_get_stats(agent_, NTATAG_S_RECV_MSG_REF(now.messages), NTATAG_S_RECV_REQUEST_REF(now.requests),
                      NTATAG_S_RECV_RESPONSE_REF(now.answers), NTATAG_S_BAD_MESSAGE_REF(now.bad_messages),
                      NTATAG_S_BAD_REQUEST_REF(now.bad_requests), NTATAG_S_BAD_RESPONSE_REF(now.bad_answers),
                      TAG_END());
  const Counts before = std::exchange(counted_, now);
  const ConnectionWatch::Seen seen = watch_.Take();
  const uint64_t bad_answers = now.bad_answers - before.bad_answers;
  const uint64_t neither =
      Less(now.messages - before.messages, (now.requests - before.requests) + (now.answers - before.answers));
  Refused refused;
  refused.malformed = Less(now.bad_messages - before.bad_messages, neither + bad_answers);
  refused.oversized = Less(now.bad_requests - before.bad_requests, refused.malformed);
  refused.garbage = Less(neither, seen.keepalives) + bad_answers + seen.binary;
  refused.stun = seen.stun;
  refused.unfinished = seen.unfinished;
  return refused;
}

}  // namespace turret::node
