#include "node/session/connection_watch.h"

#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <mutex>
#include <string_view>
#include <utility>

#include "node/session/sofia.h"

namespace turret::node {
namespace {

constexpr int kLogLevelOfConnections = 7;
constexpr int kLogLevelOfErrors = 1;
constexpr size_t kBlankBytesMax =
    8;  // The library itself tells a connection's keepalives from messages up to here.
constexpr size_t kKeepaliveBytesMax = 4;  // RFC 5626, 3.5.1.

thread_local ConnectionWatch* watching = nullptr;

// "%s(%p): …": the function's name goes first.
tport_t* TransportOf(va_list& arguments) {
  (void)va_arg(arguments, const char*);
  return static_cast<tport_t*>(va_arg(arguments, void*));
}

// The formats are those of sofia-sip 1.12.11, tport.c, tport_type_tcp.c, tport_stub_stun.c and nta.c.
void OnLog(void*, const char* format, va_list given) {
  if (watching == nullptr) return;
  va_list arguments;
  va_copy(arguments, given);
  const std::string_view line(format);
  if (line.starts_with("%s(%p) msg %p from (")) {
    tport_t* const connection = TransportOf(arguments);
    auto* const message = static_cast<msg_t*>(va_arg(arguments, void*));
    for (int skipped = 0; skipped < 3; ++skipped) (void)va_arg(arguments, void*);  // Protocol, host, port.
    watching->OnReceived(connection, message, va_arg(arguments, size_t));
  } else if (line.starts_with("%s(%p): %smsg %p (")) {
    tport_t* const transport = TransportOf(arguments);
    const bool bad = *va_arg(arguments, const char*) != '\0';
    (void)va_arg(arguments, void*);
    watching->OnDelivered(transport, bad, va_arg(arguments, size_t));
  } else if (line.starts_with("%s(%p): received %u bytes of keepalive")) {
    watching->OnBlank(TransportOf(arguments));
  } else if (line.find("recv_stun_dgram(): ignoring") != std::string_view::npos) {
    watching->OnStun();
    errno = 0;  // The library would report what is left in it as this datagram's error.
  } else if (line.starts_with("nta_agent: tport: ")) {
    for (int skipped = 0; skipped < 2; ++skipped) (void)va_arg(arguments, const char*);
    if (std::strcmp(va_arg(arguments, const char*), su_strerror(EBADMSG)) == 0) watching->OnBinary();
  }
  va_end(arguments);
}

/// Whether it holds more than line ends, which are no message but a peer that says that it lives.
bool HasBegun(msg_t* message) {
  if ((msg_object(message)->msg_flags & MSG_FLG_HEADERS) != 0) return true;
  const std::string_view unread(static_cast<const char*>(msg_buf_committed_data(message)),
                                msg_buf_committed(message));
  return unread.find_first_not_of("\r\n\t ") != std::string_view::npos;
}

void OnStunRequest(tport_stun_server_t*, su_socket_t, void*, ssize_t, void*, socklen_t) {
  if (watching != nullptr) watching->OnStun();
  errno = 0;
}

// In place of the library's own server, whose parser nothing here needs.
constexpr tport_stun_server_vtable_t kNoStunServer = {
    sizeof(tport_stun_server_vtable_t) + 1,  // The library takes none that is not larger than its own.
    [](su_root_t* root, const tagi_t*) -> tport_stun_server_t* { return root; },
    [](tport_stun_server_t*) {},
    [](tport_stun_server_t*, su_socket_t) { return 0; },
    [](tport_stun_server_t*, su_socket_t) { return 0; },
    OnStunRequest};

}  // namespace

void ConnectionWatch::TakeOver() {
  static std::once_flag once;
  std::call_once(once, [] {
    for (su_log_t* const log : {su_log_default, nta_log, tport_log}) su_log_redirect(log, OnLog, nullptr);
    su_log_soft_set_level(nullptr, 0);
    su_log_set_level(nta_log, kLogLevelOfErrors);
    su_log_set_level(tport_log, kLogLevelOfConnections);
    tport_plug_in_stun_server(&kNoStunServer);
  });
}

void ConnectionWatch::Begin() { watching = this; }
void ConnectionWatch::End() { watching = nullptr; }

void ConnectionWatch::OnReceived(tport_t* connection, msg_t* message, size_t bytes) {
  if (!tport_is_secondary(connection) || bytes <= kBlankBytesMax) return;
  const auto found = unfinished_.find(connection);
  if (found != unfinished_.end() && found->second.message == message) return;
  Forget(connection);
  tport_ref(connection);
  unfinished_.emplace(connection, Unfinished{msg_ref_create(message), clock_.Elapsed()});
}

void ConnectionWatch::OnDelivered(tport_t* transport, bool bad, size_t bytes) {
  if (!tport_is_secondary(transport)) {
    // What is no message at all has consumed no bytes; line ends are consumed.
    if (bad && bytes != 0 && bytes <= kKeepaliveBytesMax) ++seen_.keepalives;
    return;
  }
  Forget(transport);
  if (tport_is_shutdown(transport)) broken_.emplace_back(tport_ref(transport), clock_.Elapsed());
}

void ConnectionWatch::Forget(tport_t* connection) {
  const auto found = unfinished_.find(connection);
  if (found == unfinished_.end()) return;
  msg_destroy(found->second.message);
  unfinished_.erase(found);
  tport_unref(connection);
}

void ConnectionWatch::CloseDue() {
  const absl::Duration now = clock_.Elapsed();
  std::erase_if(broken_, [now](const auto& broken) {
    if (now - broken.second < kBrokenConnectionTime) return false;
    tport_shutdown(broken.first, 2);
    tport_unref(broken.first);
    return true;
  });
  std::vector<tport_t*> due;
  for (const auto& [connection, unfinished] : unfinished_)
    if (tport_is_closed(connection) || now - unfinished.since >= kUnfinishedMessageTime)
      due.push_back(connection);
  for (tport_t* const connection : due) {
    if (!tport_is_closed(connection) && HasBegun(unfinished_.at(connection).message)) {
      ++seen_.unfinished;
      tport_shutdown(connection, 2);
    }
    Forget(connection);
  }
}

void ConnectionWatch::CloseAll() {
  for (const auto& [connection, since] : std::exchange(broken_, {})) {
    tport_shutdown(connection, 2);
    tport_unref(connection);
  }
  while (!unfinished_.empty()) Forget(unfinished_.begin()->first);
}

ConnectionWatch::Seen ConnectionWatch::Take() { return std::exchange(seen_, {}); }

}  // namespace turret::node
