#include "tests/floor/rtp_player.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace turret::floor {
namespace {

constexpr int64_t kReorderDelayNs = 30'000'000;
constexpr int64_t kDuplicateDelayNs = 5'000'000;

std::vector<uint8_t> Datagram(const StreamTruth& stream, uint32_t index) {
  const SentPacket& packet = stream.packets[index];
  std::vector<uint8_t> bytes(12 + stream.packet_samples);
  const uint16_t sequence = htons(packet.sequence);
  const uint32_t timestamp = htonl(packet.timestamp);
  const uint32_t ssrc = htonl(stream.ssrc);
  bytes[0] = 0x80;
  bytes[1] = static_cast<uint8_t>((stream.law == Law::kALaw ? 8 : 0) | (index == 0 ? 0x80 : 0));
  std::memcpy(&bytes[2], &sequence, 2);
  std::memcpy(&bytes[4], &timestamp, 4);
  std::memcpy(&bytes[8], &ssrc, 4);
  std::memcpy(&bytes[12], &stream.payload[size_t{index} * stream.packet_samples], stream.packet_samples);
  return bytes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RtpPlayer>> RtpPlayer::Create() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::UnavailableError("no UDP socket");
  const int buffer = 8 << 20;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
  return std::unique_ptr<RtpPlayer>(new RtpPlayer(fd));
}

RtpPlayer::~RtpPlayer() { close(fd_); }

void RtpPlayer::Add(StreamTruth& stream, const Impairments& impairments, absl::Time start) {
  std::mt19937_64 engine(impairments.seed);
  std::uniform_real_distribution<double> chance(0, 1);
  const auto count = static_cast<uint32_t>(stream.payload.size() / stream.packet_samples);
  const auto first_sequence = static_cast<uint16_t>(engine());
  const auto first_timestamp = static_cast<uint32_t>(engine());
  const int64_t start_ns = absl::ToUnixNanos(start);
  stream.packets.resize(count);
  for (uint32_t i = 0; i < count; ++i) {
    SentPacket& packet = stream.packets[i];
    packet.sequence = static_cast<uint16_t>(first_sequence + i);
    packet.timestamp = first_timestamp + i * stream.packet_samples;
    packet.due_utc_ns = start_ns + int64_t{i} * stream.packet_samples * 125'000;
    const bool edge = i == 0 || i + 1 == count;
    packet.lost = !edge && chance(engine) < impairments.loss;
    if (packet.lost) continue;
    const bool late = !edge && chance(engine) < impairments.reorder;
    events_.push({packet.due_utc_ns + (late ? kReorderDelayNs : 0), &stream, i});
    if (chance(engine) < impairments.duplicate) {
      packet.copies = 2;
      events_.push({packet.due_utc_ns + kDuplicateDelayNs, &stream, i});
    }
  }
}

absl::Time RtpPlayer::SendDue(absl::Time now) {
  const int64_t now_ns = absl::ToUnixNanos(now);
  while (!events_.empty() && events_.top().due_utc_ns <= now_ns) {
    const Event event = events_.top();
    events_.pop();
    if (stopped_.contains(event.stream)) continue;
    batch_.push_back(Datagram(*event.stream, event.packet));
    sockaddr_in target{};
    target.sin_family = AF_INET;
    target.sin_port = htons(event.stream->port);
    target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    targets_.push_back(target);
    if (batch_.size() == kBatch) Flush();
  }
  Flush();
  return events_.empty() ? absl::InfiniteFuture() : absl::FromUnixNanos(events_.top().due_utc_ns);
}

void RtpPlayer::Flush() {
  std::vector<iovec> pieces(batch_.size());
  std::vector<mmsghdr> messages(batch_.size());
  for (size_t i = 0; i < batch_.size(); ++i) {
    pieces[i] = {batch_[i].data(), batch_[i].size()};
    messages[i] = {};
    messages[i].msg_hdr.msg_name = &targets_[i];
    messages[i].msg_hdr.msg_namelen = sizeof(sockaddr_in);
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  for (size_t sent = 0; sent < messages.size();) {
    const int n = sendmmsg(fd_, &messages[sent], static_cast<unsigned>(messages.size() - sent), 0);
    if (n <= 0) {  // ECONNREFUSED of an earlier datagram on the same socket: try the rest again.
      if (errno == ECONNREFUSED || errno == EINTR || errno == EAGAIN) continue;
      break;
    }
    sent += static_cast<size_t>(n);
    datagrams_sent_ += static_cast<uint64_t>(n);
  }
  batch_.clear();
  targets_.clear();
}

}  // namespace turret::floor
