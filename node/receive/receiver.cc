#include "node/receive/receiver.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "fmt/format.h"
#include "node/receive/media_socket.h"
#include "node/receive/port_pair.h"
#include "node/receive/port_pool.h"
#include "node/receive/receive_batch.h"
#include "spdlog/spdlog.h"
#include "storage/base/kill_point.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

constexpr int kEventsMax = 1024;
constexpr absl::Duration kWaitMin = absl::Milliseconds(1);  // Open and Close must come in between.
constexpr size_t kRoundDatagramsMax = 1024;  // Of one socket: a flood on one port must not starve the others.
constexpr size_t kCloseDatagramsMax = 65536;  // More than any buffer holds; the sender may go on for ever.

Clock& SystemClockInstance() {
  static SystemClock clock;
  return clock;
}

}  // namespace

struct Receiver::State {
  State(const ReceiverOptions& given, const BindAddress& address, Spool& to, NodeMetrics& with_metrics)
      : options(given),
        bind_address(address),
        spool(to),
        metrics(with_metrics),
        clock(given.clock != nullptr ? *given.clock : SystemClockInstance()),
        pool(given.port_min, given.port_max, given.port_rest),
        events(kEventsMax) {}
  ~State() {
    if (epoll >= 0) close(epoll);
  }

  absl::StatusOr<PortPair> BindPair(StreamId stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  absl::StatusOr<PortPair> BindPort(StreamId stream, uint16_t port) const;
  absl::StatusOr<PortPair> Adopt(StreamId stream, uint16_t port) const;
  absl::Status Watch(Port& port) const;
  void Run();
  void Round() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void Drain(Port& port, size_t datagrams_max, int64_t now_utc_ns) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void DrainRtcp(Port& port, size_t datagrams_max) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void Flush() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void CountKernelDrops(Port& port, std::optional<uint32_t> now_at);
  int64_t UtcNs() const { return absl::ToUnixNanos(clock.Utc()); }

  const ReceiverOptions options;
  const BindAddress bind_address;
  Spool& spool;
  NodeMetrics& metrics;
  Clock& clock;
  int epoll = -1;
  // The kernel takes times while some socket wants them, and begins to some milliseconds after the first.
  std::optional<MediaSocket> times_on;

  mutable absl::Mutex mutex;  // Held for a round, not while waiting for the next one.
  PortPool pool ABSL_GUARDED_BY(mutex);
  std::map<StreamId, PortPair> streams ABSL_GUARDED_BY(mutex);
  ReceiveBatch batch ABSL_GUARDED_BY(mutex);
  std::vector<epoll_event> events ABSL_GUARDED_BY(mutex);
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  bool leaving ABSL_GUARDED_BY(mutex) = false;

  absl::Mutex rounds_mutex ABSL_ACQUIRED_AFTER(mutex);
  uint64_t rounds ABSL_GUARDED_BY(rounds_mutex) = 0;  // Of all sockets, done; the maximum: none follows.

  std::atomic<uint64_t> received{0};
  std::atomic<uint64_t> dropped{0};
  std::atomic<uint64_t> rtcp_received{0};
  std::atomic<uint64_t> kernel_dropped{0};
  std::thread thread;
};

absl::StatusOr<std::unique_ptr<Receiver>> Receiver::Create(const ReceiverOptions& options, Spool& spool,
                                                           NodeMetrics& metrics) {
  if (options.port_min == 0 || options.port_min >= options.port_max)
    return absl::InvalidArgumentError(
        fmt::format("media ports {} to {} are no range", options.port_min, options.port_max));
  TURRET_ASSIGN_OR_RETURN(const BindAddress address, BindAddress::Parse(options.bind_address));
  auto probe = MediaSocket::Bind(address, /*port=*/0, options.socket_buffer_bytes);
  if (const std::string warning = probe.ok() ? WarnOfSmallBuffer(probe->buffer_bytes()) : "";
      !warning.empty())
    spdlog::warn(warning);
  auto state = std::make_unique<State>(options, address, spool, metrics);
  if (probe.ok()) state->times_on = *std::move(probe);
  state->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (state->epoll < 0) return absl::ResourceExhaustedError(fmt::format("epoll: errno {}", errno));
  state->thread = std::thread([running = state.get()] { running->Run(); });
  return std::unique_ptr<Receiver>(new Receiver(std::move(state)));
}

Receiver::Receiver(std::unique_ptr<State> state) : state_(std::move(state)) {}

Receiver::~Receiver() {
  {
    absl::MutexLock lock(&state_->mutex);
    state_->stopping = true;
  }
  if (state_->thread.joinable()) state_->thread.join();
}

void Receiver::Leave() {
  {
    absl::MutexLock lock(&state_->mutex);
    state_->stopping = state_->leaving = true;
  }
  if (state_->thread.joinable()) state_->thread.join();
}

absl::StatusOr<uint16_t> Receiver::Open(StreamId stream) {
  TURRET_ASSIGN_OR_RETURN(const uint16_t port, Hold(stream));
  if (absl::Status listening = Listen(stream); !listening.ok()) {
    Close(stream);
    return listening;
  }
  return port;
}

absl::Status Receiver::Listen(std::span<const StreamId> streams) {
  absl::Status all;
  absl::MutexLock lock(&state_->mutex);
  for (const StreamId& stream : streams) {
    const auto found = state_->streams.find(stream);
    if (found == state_->streams.end()) {
      all.Update(absl::NotFoundError(fmt::format("stream {} has no ports", stream.ToHex())));
      continue;
    }
    all.Update(state_->Watch(*found->second.rtp));
    all.Update(state_->Watch(*found->second.rtcp));
  }
  return all;
}

absl::StatusOr<uint16_t> Receiver::Hold(StreamId stream) {
  absl::MutexLock lock(&state_->mutex);
  if (state_->streams.contains(stream))
    return absl::AlreadyExistsError(fmt::format("stream {} has its ports already", stream.ToHex()));
  TURRET_ASSIGN_OR_RETURN(PortPair pair, state_->BindPair(stream));
  const uint16_t port = pair.port;
  state_->streams.emplace(stream, std::move(pair));
  return port;
}

absl::Status Receiver::Reopen(StreamId stream, uint16_t port) {
  absl::MutexLock lock(&state_->mutex);
  if (state_->streams.contains(stream))
    return absl::AlreadyExistsError(fmt::format("stream {} has its ports already", stream.ToHex()));
  TURRET_ASSIGN_OR_RETURN(PortPair pair, state_->Adopt(stream, port));
  pair.of_pool = state_->pool.TakeThis(port);
  state_->streams.emplace(stream, std::move(pair));
  return absl::OkStatus();
}

// Not by a round of our own: while it catches up, the thread hardly lets go of what it would take.
void Receiver::ReadWaiting() {
  State& state = *state_;
  absl::MutexLock lock(&state.rounds_mutex);
  const uint64_t one_more = state.rounds + 2;  // The present one began before.
  const auto read = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.rounds_mutex) {
    return state.rounds >= one_more;
  };
  state.rounds_mutex.Await(absl::Condition(&read));
}

uint64_t Receiver::Datagrams(StreamId stream) const {
  absl::MutexLock lock(&state_->mutex);
  const auto found = state_->streams.find(stream);
  return found == state_->streams.end() ? 0 : found->second.rtp->datagrams;
}

void Receiver::Close(StreamId stream) {
  absl::MutexLock lock(&state_->mutex);
  const auto found = state_->streams.find(stream);
  if (found == state_->streams.end() || state_->leaving) return;
  state_->Drain(*found->second.rtp, kCloseDatagramsMax, state_->UtcNs());
  state_->Flush();
  state_->DrainRtcp(*found->second.rtcp, kCloseDatagramsMax);
  if (state_->options.kept != nullptr) state_->options.kept->Remove(found->second.port);
  if (found->second.of_pool) state_->pool.Free(found->second.port, state_->clock.Elapsed());
  state_->streams.erase(found);  // Closing takes the sockets out of the epoll set.
}

void Receiver::Rest(uint16_t port, absl::Duration ago) {
  absl::MutexLock lock(&state_->mutex);
  state_->pool.Rest(port, state_->clock.Elapsed() - std::max(ago, absl::ZeroDuration()));
}

uint64_t Receiver::datagrams_received() const { return state_->received; }
uint64_t Receiver::datagrams_dropped() const { return state_->dropped; }
uint64_t Receiver::rtcp_received() const { return state_->rtcp_received; }
uint64_t Receiver::kernel_dropped() const { return state_->kernel_dropped; }

absl::StatusOr<PortPair> Receiver::State::BindPair(StreamId stream) {
  const absl::Duration now = clock.Elapsed();
  while (const std::optional<uint16_t> port = pool.Take(now)) {
    absl::StatusOr<PortPair> pair = BindPort(stream, *port);
    if (pair.ok()) return pair;
    pool.Free(*port, now);
    if (!absl::IsAlreadyExists(pair.status())) return pair;
  }
  return absl::ResourceExhaustedError(
      fmt::format("no free media port from {} to {}", options.port_min, options.port_max));
}

absl::StatusOr<PortPair> Receiver::State::BindPort(StreamId stream, uint16_t port) const {
  const auto rtcp_port = static_cast<uint16_t>(port + 1);
  TURRET_ASSIGN_OR_RETURN(MediaSocket rtp,
                          MediaSocket::Bind(bind_address, port, options.socket_buffer_bytes));
  TURRET_ASSIGN_OR_RETURN(MediaSocket rtcp,
                          MediaSocket::Bind(bind_address, rtcp_port, options.socket_buffer_bytes));
  if (options.kept != nullptr) options.kept->Store(port, rtp.fd(), rtcp.fd());
  return MakePair(stream, port, std::move(rtp), std::move(rtcp));
}

absl::StatusOr<PortPair> Receiver::State::Adopt(StreamId stream, uint16_t port) const {
  MediaPair kept = options.kept != nullptr ? options.kept->Take(port) : MediaPair{};
  if (!kept.rtp.valid()) return BindPort(stream, port);
  return MakePair(stream, port, MediaSocket(std::move(kept.rtp)), MediaSocket(std::move(kept.rtcp)));
}

absl::Status Receiver::State::Watch(Port& port) const {
  epoll_event event{.events = EPOLLIN, .data = {.ptr = &port}};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, port.socket.fd(), &event) != 0)
    return absl::ResourceExhaustedError(fmt::format("epoll_ctl: errno {}", errno));
  return absl::OkStatus();
}

void Receiver::State::Run() {
  absl::Duration wait = options.round;
  absl::MutexLock lock(&mutex);
  while (true) {
    const bool last = mutex.AwaitWithTimeout(absl::Condition(&stopping), wait);
    if (leaving) return;
    const absl::Duration begin = clock.Elapsed();
    Round();
    {
      absl::MutexLock counting(&rounds_mutex);
      rounds = last ? std::numeric_limits<uint64_t>::max() : rounds + 1;
    }
    if (options.kept != nullptr) options.kept->Flush();
    if (last) return;
    wait = std::max(kWaitMin, options.round - (clock.Elapsed() - begin));
  }
}

void Receiver::State::Round() {
  const int64_t now_utc_ns = UtcNs();
  // Ready sockets take turns in the kernel's list, so each is seen once in this many calls.
  for (size_t calls = 0; calls <= 2 * streams.size() / kEventsMax; ++calls) {
    const int ready = epoll_wait(epoll, events.data(), kEventsMax, 0);
    for (int i = 0; i < ready; ++i) {
      Port& port = *static_cast<Port*>(events[static_cast<size_t>(i)].data.ptr);
      if (port.rtcp)
        DrainRtcp(port, kRoundDatagramsMax);
      else
        Drain(port, kRoundDatagramsMax, now_utc_ns);
    }
    if (ready < kEventsMax) break;
  }
  Flush();
}

void Receiver::State::Drain(Port& port, size_t datagrams_max, int64_t now_utc_ns) {
  if (!port.budget.Allows(clock.Elapsed())) return;
  for (size_t datagrams = 0; datagrams < datagrams_max && !port.budget.spent();) {
    const ReceiveBatch::Received got = batch.ReceiveFrom(port.socket.fd(), port.stream, now_utc_ns);
    datagrams += got.datagrams;
    port.datagrams += got.datagrams;
    port.budget.Spend(got.bytes);
    CountKernelDrops(port, got.kernel_drops);
    if (batch.full()) Flush();
    if (got.drained) break;
  }
  if (!port.budget.spent() || std::exchange(port.flood_told, true)) return;
  spdlog::warn(
      "the media port of stream {} is flooded: what comes beyond {} bytes/s is left to the kernel to drop",
      port.stream.ToHex(), kPortBytesASecond);
}

// Nothing reads RTCP yet; an unread port would make the kernel answer the source with refusals.
void Receiver::State::DrainRtcp(Port& port, size_t datagrams_max) {
  Flush();
  for (size_t datagrams = 0; datagrams < datagrams_max;) {
    const ReceiveBatch::Received got = batch.ReceiveFrom(port.socket.fd(), port.stream, 0);
    batch.Clear();
    datagrams += got.datagrams;
    rtcp_received += got.datagrams;
    if (got.drained) return;
  }
}

void Receiver::State::Flush() {
  const uint64_t count = batch.datagrams().size();
  if (count == 0) return;
  const bool spooled = spool.AppendDatagrams(batch.datagrams()).ok();
  if (spooled) KillPoint("packet_appended");
  metrics.RtpReceived(count);
  if (!spooled) {
    dropped += count;
    metrics.RtpDropped("spool_full", count);
  }
  received += count;  // Last: who sees the count finds the datagrams.
  batch.Clear();
}

void Receiver::State::CountKernelDrops(Port& port, std::optional<uint32_t> now_at) {
  if (!now_at.has_value()) return;
  kernel_dropped += *now_at - port.kernel_drops;
  port.kernel_drops = *now_at;
}

}  // namespace turret::node
