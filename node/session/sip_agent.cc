#include "node/session/sip_agent.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>

#include "absl/memory/memory.h"
#include "fmt/format.h"
#include "node/session/free_port.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

void DiscardLog(void*, const char*, va_list) {}

void InitializeLibrary() {
  static std::once_flag once;
  std::call_once(once, [] {
    su_init();
    su_log_redirect(nullptr, DiscardLog, nullptr);
    su_log_soft_set_level(nullptr, 0);
  });
}

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

absl::StatusOr<std::unique_ptr<SipAgent>> SipAgent::Create(const SipOptions& options, OnRequest on_request) {
  InitializeLibrary();
  auto agent = absl::WrapUnique(new SipAgent(std::move(on_request)));
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
  if (default_leg_ != nullptr) nta_leg_destroy(default_leg_);
  if (agent_ != nullptr) nta_agent_destroy(agent_);
  if (root_ != nullptr) {
    su_root_unregister(root_, wake_wait_, OnWake, reinterpret_cast<void*>(static_cast<intptr_t>(wake_fd_)));
    su_root_destroy(root_);
  }
  if (wake_fd_ >= 0) close(wake_fd_);
}

void SipAgent::Step(int wait_ms) { su_root_step(root_, wait_ms); }

void SipAgent::Wake() {
  const uint64_t one = 1;
  (void)!write(wake_fd_, &one, sizeof one);
}

SipAgent::Refused SipAgent::TakeRefused() {
  usize_t bad_messages = 0;
  usize_t bad_requests = 0;
  nta_agent_get_stats(agent_, NTATAG_S_BAD_MESSAGE_REF(bad_messages), NTATAG_S_BAD_REQUEST_REF(bad_requests),
                      TAG_END());
  const uint64_t messages = bad_messages - bad_messages_;
  const uint64_t requests = bad_requests - bad_requests_;
  bad_messages_ = bad_messages;
  bad_requests_ = bad_requests;
  return {messages,
          requests - std::min(messages, requests)};  // Too large is a bad request, but no bad message.
}

}  // namespace turret::node
