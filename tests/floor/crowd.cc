#include "tests/floor/crowd.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>

#include "absl/time/clock.h"
#include "tests/floor/floor.h"

namespace turret::floor {
namespace {

constexpr size_t kBatch = 64;
constexpr size_t kNoiseBytes = size_t{1} << 20;
constexpr absl::Duration kStep = absl::Milliseconds(2);

int OpenSocket() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int buffer = 8 << 20;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  return fd;
}

CallSpec SpecOf(const CrowdOptions& options, int number) {
  const int call = options.first_call + number;
  const Trader trader = TraderOf(call);
  CallSpec spec;
  spec.seed = options.seed * 100000 + static_cast<uint64_t>(call);
  spec.participants = {{trader.aor, trader.name}, {PartyAor(call), PartyName(call)}};
  const int ptime_ms = static_cast<int>(absl::ToInt64Milliseconds(options.packet));
  spec.media = {{.label = "1", .participant = 0, .ptime_ms = ptime_ms},
                {.label = "2", .participant = 1, .ptime_ms = ptime_ms}};
  return spec;
}

}  // namespace

Crowd::Crowd(const CrowdOptions& options, std::unique_ptr<SipClient> sip, int fd)
    : options_(options),
      payload_bytes_(static_cast<size_t>(absl::ToInt64Milliseconds(options.packet)) * 8),
      sip_(std::move(sip)),
      fd_(fd),
      noise_(kNoiseBytes),
      batch_(kBatch, std::vector<uint8_t>(12 + payload_bytes_)),
      targets_(kBatch) {
  std::mt19937_64 random(options.seed);
  for (uint8_t& byte : noise_) byte = static_cast<uint8_t>(random());
  for (int call = 0; call < options.calls; ++call)
    for (int side = 0; side < 2; ++side)
      streams_.push_back({.call = static_cast<size_t>(call),
                          .first_sequence = static_cast<uint16_t>(random()),
                          .first_timestamp = static_cast<uint32_t>(random()),
                          .ssrc = static_cast<uint32_t>(random())});
}

absl::StatusOr<std::unique_ptr<Crowd>> Crowd::Start(const CrowdOptions& options) {
  absl::StatusOr<std::unique_ptr<SipClient>> sip = SipClient::Connect(options.server, /*tcp=*/false);
  if (!sip.ok()) return sip.status();
  const int fd = OpenSocket();
  if (fd < 0) return absl::UnavailableError("no UDP socket");
  std::unique_ptr<Crowd> crowd(new Crowd(options, *std::move(sip), fd));
  crowd->begin_ = absl::Now();
  crowd->thread_ = std::thread([self = crowd.get()] { self->Run(); });
  return crowd;
}

Crowd::~Crowd() {
  stop_ = true;
  thread_.join();
  close(fd_);
}

void Crowd::Run() {
  while (!stop_) {
    Place();
    sip_->Poll(absl::ZeroDuration());
    Follow();
    SendRound(absl::Now());
    const timespec until = absl::ToTimespec(absl::Now() + kStep);
    clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, nullptr);
  }
}

void Crowd::Place() {
  while (dialogs_.size() < static_cast<size_t>(options_.calls) && !hanging_up_ &&
         absl::Now() >= begin_ + options_.stagger * static_cast<int64_t>(dialogs_.size()))
    dialogs_.push_back(sip_->Invite(SpecOf(options_, static_cast<int>(dialogs_.size()))));
}

// What the answers change.
void Crowd::Follow() {
  int on = 0;
  int refused = 0;
  int ended = 0;
  int refreshed = 0;
  const bool hang_up = hanging_up_ && !hung_up_;
  for (size_t call = 0; call < dialogs_.size(); ++call) {
    Dialog& dialog = sip_->dialog(dialogs_[call]);
    Stream* const streams = &streams_[2 * call];
    if (dialog.state == Dialog::State::kConfirmed && streams[0].port == 0 && !hung_up_)
      for (size_t side = 0; side < 2; ++side) streams[side].port = dialog.ports.at(side);
    const int number = static_cast<int>(call);
    if (dialog.state == Dialog::State::kConfirmed && number >= refresh_sent_ && number < refresh_)
      sip_->Update(dialogs_[call]);
    if (number < refresh_ && dialog.pending.empty() && dialog.final_status == 200) ++refreshed;
    if (hang_up) {
      streams[0].port = streams[1].port = 0;
      sip_->Bye(dialogs_[call]);
    }
    on += dialog.state == Dialog::State::kConfirmed ? 1 : 0;
    refused += dialog.state == Dialog::State::kFailed ? 1 : 0;
    ended += dialog.state == Dialog::State::kEnded && dialog.final_status == 200 ? 1 : 0;
  }
  refresh_sent_ = refresh_;
  hung_up_ = hung_up_ || hang_up;
  on_ = on;
  refused_ = refused;
  ended_ = ended;
  refreshed_ = refreshed;
}

// Streams are spread evenly over a packet time, each always at its own place.
void Crowd::SendRound(absl::Time now) {
  const double packet_ns = static_cast<double>(absl::ToInt64Nanoseconds(options_.packet));
  const auto since_ns = static_cast<double>(absl::ToInt64Nanoseconds(now - begin_));
  const double slots = since_ns / packet_ns * static_cast<double>(streams_.size());
  while (static_cast<double>(round_ * streams_.size() + next_) <= slots) {
    Stream& stream = streams_[next_];
    if (stream.port != 0) {
      Make(stream, next_, batch_[batched_]);
      targets_[batched_] = stream.port;
      ++stream.packets;
      if (++batched_ == kBatch) Flush();
    }
    if (++next_ == streams_.size()) next_ = 0, ++round_;
  }
  Flush();
}

void Crowd::Make(const Stream& stream, size_t index, std::vector<uint8_t>& bytes) const {
  const uint16_t sequence = htons(static_cast<uint16_t>(stream.first_sequence + stream.packets));
  const uint32_t timestamp =
      htonl(stream.first_timestamp + stream.packets * static_cast<uint32_t>(payload_bytes_));
  const uint32_t ssrc = htonl(stream.ssrc);
  bytes[0] = 0x80;
  bytes[1] = static_cast<uint8_t>(8 | (stream.packets == 0 ? 0x80 : 0));
  std::memcpy(&bytes[2], &sequence, 2);
  std::memcpy(&bytes[4], &timestamp, 4);
  std::memcpy(&bytes[8], &ssrc, 4);
  std::memcpy(&bytes[12], &noise_[PayloadOffset(index, stream.packets)], payload_bytes_);
}

size_t Crowd::PayloadOffset(size_t index, uint32_t number) const {
  return (index * 104'729 + size_t{number} * 1299) % (kNoiseBytes - payload_bytes_);
}

std::string Crowd::PayloadOf(size_t index, uint32_t number) const {
  const auto begin = noise_.begin() + static_cast<ptrdiff_t>(PayloadOffset(index, number));
  return {begin, begin + static_cast<ptrdiff_t>(payload_bytes_)};
}

void Crowd::Flush() {
  std::array<iovec, kBatch> pieces;
  std::array<mmsghdr, kBatch> messages{};
  std::array<sockaddr_in, kBatch> addresses{};
  for (size_t i = 0; i < batched_; ++i) {
    addresses[i].sin_family = AF_INET;
    addresses[i].sin_port = htons(targets_[i]);
    addresses[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pieces[i] = {batch_[i].data(), batch_[i].size()};
    messages[i].msg_hdr.msg_name = &addresses[i];
    messages[i].msg_hdr.msg_namelen = sizeof(sockaddr_in);
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  for (size_t sent = 0; sent < batched_;) {
    const int n = sendmmsg(fd_, &messages[sent], static_cast<unsigned>(batched_ - sent), 0);
    if (n <= 0 && errno != ECONNREFUSED && errno != EINTR && errno != EAGAIN) break;
    sent += static_cast<size_t>(std::max(n, 0));
  }
  packets_sent_ += batched_;
  batched_ = 0;
}

std::vector<Crowd::Sent> Crowd::sent() const {
  std::vector<Sent> all;
  for (size_t index = 0; index < streams_.size(); ++index) {
    const Stream& stream = streams_[index];
    const std::string& call_id =
        stream.call < dialogs_.size() ? sip_->dialog(dialogs_[stream.call]).call_id : "";
    all.push_back({call_id, index % 2 == 0 ? "1" : "2", stream.packets});
  }
  return all;
}

}  // namespace turret::floor
