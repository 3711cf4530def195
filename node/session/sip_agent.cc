#include "node/session/sip_agent.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <optional>
#include <string_view>

#include "absl/memory/memory.h"
#include "fmt/format.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

constexpr int kLogLevelOfBrokenPeers = 3;
constexpr su_duration_t kCloseDelayMs = 1000;  // For a 413 to be read before the connection is reset.

thread_local SipAgent* stepping = nullptr;

/// "tcp/10.0.0.1:40000" behind `what` in `line`.
std::optional<HostPort> PeerIn(std::string_view line, std::string_view what) {
  const size_t at = line.find(what);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view peer = line.substr(at + what.size());
  if (!peer.starts_with("tcp/")) return std::nullopt;
  peer = peer.substr(4, peer.find_first_of(" ;\n\r", 4) - 4);
  const absl::StatusOr<HostPort> parsed = ParseHostPort(std::string(peer));
  return parsed.ok() ? std::optional(*parsed) : std::nullopt;
}

/// The library stops to read a connection that brought garbage or too much, and keeps it open for half an
/// hour: all calls on it would be deaf. It says so in its log only, so that is read here, and discarded.
void OnLog(void*, const char* format, va_list arguments) {
  if (stepping == nullptr) return;
  char line[256];
  vsnprintf(line, sizeof line, format, arguments);
  if (const auto peer = PeerIn(line, "received garbage from ")) stepping->NoteBroken(*peer, true);
  if (const auto peer = PeerIn(line, "too large message from ")) stepping->NoteBroken(*peer, false);
}

void InitializeLibrary() {
  static std::once_flag once;
  std::call_once(once, [] {
    su_init();
    for (su_log_t* const log : {su_log_default, nta_log, tport_log}) su_log_redirect(log, OnLog, nullptr);
    su_log_soft_set_level(nullptr, 0);
    for (su_log_t* const log : {nta_log, tport_log}) su_log_set_level(log, kLogLevelOfBrokenPeers);
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
  CloseBroken(true);
  if (default_leg_ != nullptr) nta_leg_destroy(default_leg_);
  if (agent_ != nullptr) nta_agent_destroy(agent_);
  if (root_ != nullptr) {
    su_root_unregister(root_, wake_wait_, OnWake, reinterpret_cast<void*>(static_cast<intptr_t>(wake_fd_)));
    su_root_destroy(root_);
  }
  if (wake_fd_ >= 0) close(wake_fd_);
}

void SipAgent::Step(int wait_ms) {
  stepping = this;
  su_root_step(root_, wait_ms);
  CloseBroken(false);
  stepping = nullptr;
}

// At once, since the library will not find the connection any more when it has answered.
void SipAgent::NoteBroken(const HostPort& peer, bool at_once) {
  const std::string port = fmt::format("{}", peer.port);
  tp_name_t name[1] = {};
  name->tpn_proto = "tcp";
  name->tpn_host = name->tpn_canon = peer.host.c_str();
  name->tpn_port = port.c_str();
  tport_t* const connection = tport_by_name(nta_agent_tports(agent_), name);
  if (connection != nullptr && tport_is_secondary(connection))
    broken_.push_back({tport_ref(connection), su_now(), at_once});
}

void SipAgent::CloseBroken(bool all) {
  std::erase_if(broken_, [all](const Broken& broken) {
    if (!all && !broken.at_once && su_duration(su_now(), broken.since) < kCloseDelayMs) return false;
    tport_shutdown(broken.connection, 2);
    tport_unref(broken.connection);
    return true;
  });
}

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
