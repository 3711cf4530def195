// What the SIP library does to its peers and tells by its log only. It stops reading a connection that
// brought garbage or too much, and keeps it open for half an hour: all calls on it would be deaf. It waits
// without end for the rest of what holds a NUL byte, and takes the requests that follow for it. It drops
// datagrams without counting them. So its log is read here, line by line, and discarded; connections go by
// its own pointers.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/base/attributes.h"
#include "absl/time/time.h"
#include "storage/base/clock.h"

struct tport_s;  // Of the library, whose macros stay out of headers.
struct msg_s;

namespace turret::node {

inline constexpr absl::Duration kBrokenConnectionTime = absl::Milliseconds(500);  // For its 400 to be read.
inline constexpr absl::Duration kUnfinishedMessageTime = absl::Seconds(10);
static_assert(kBrokenConnectionTime < kUnfinishedMessageTime);

/// Threading: on the thread that steps the library; one watch a thread.
class ConnectionWatch {
 public:
  /// Takes the library's log, and its answers to STUN: none. Before the first agent is made; any number of
  /// times.
  static void TakeOver();

  explicit ConnectionWatch(Clock& clock ABSL_ATTRIBUTE_LIFETIME_BOUND) : clock_(clock) {}
  /// CloseAll() was called, or nothing was ever observed.
  ~ConnectionWatch() = default;
  ConnectionWatch(const ConnectionWatch&) = delete;
  ConnectionWatch& operator=(const ConnectionWatch&) = delete;

  /// What the library does on this thread between the two is seen.
  void Begin();
  void End();
  /// Closes what is read no more, or holds a message that does not end, once it has had its time: the peer
  /// sees it and connects anew. Between two steps of the library only.
  void CloseDue();
  /// Before the agent goes.
  void CloseAll();

  struct Seen {
    uint64_t unfinished = 0;  // Connections closed since their message did not end.
    uint64_t stun = 0;        // Datagrams; none is answered.
    uint64_t binary = 0;      // Datagrams that the library neither parses nor counts.
    uint64_t keepalives = 0;  // Datagrams of line ends: the library counts them as garbage.
  };
  /// Since the last call.
  Seen Take();

  // What the log says.
  void OnReceived(tport_s* connection, msg_s* message, size_t bytes);
  void OnBlank(tport_s* connection) { Forget(connection); }
  void OnDelivered(tport_s* transport, bool bad, size_t bytes);
  void OnStun() { ++seen_.stun; }
  void OnBinary() { ++seen_.binary; }

 private:
  struct Unfinished {
    msg_s* message;  // Ours to destroy.
    absl::Duration since;
  };
  void Forget(tport_s* connection);

  Clock& clock_;
  std::map<tport_s*, Unfinished> unfinished_;                // Each ours to unref.
  std::vector<std::pair<tport_s*, absl::Duration>> broken_;  // As well.
  Seen seen_;
};

}  // namespace turret::node
