#include "node/receive/receive_batch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace turret::node {
namespace {

// Any UDP datagram fits. The odd rest keeps slots from falling into the same cache sets; pages that are not
// touched cost nothing.
constexpr size_t kSlotBytes = size_t{64} * 1024;
constexpr size_t kSlotStride = kSlotBytes + 192;

SourceAddress ToSource(const sockaddr_in6& from) {
  SourceAddress source;
  if (from.sin6_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &from, sizeof v4);
    source.address[10] = source.address[11] = 0xFF;
    std::memcpy(source.address.data() + 12, &v4.sin_addr, 4);
    source.port = ntohs(v4.sin_port);
  } else {
    std::memcpy(source.address.data(), &from.sin6_addr, 16);
    source.port = ntohs(from.sin6_port);
  }
  return source;
}

struct Told {
  std::optional<int64_t> arrival_utc_ns;
  std::optional<uint32_t> kernel_drops;
};

Told ReadControl(msghdr& header) {
  Told told;
  for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(&header, control)) {
    if (control->cmsg_level != SOL_SOCKET) continue;
    if (control->cmsg_type == SCM_TIMESTAMPNS) {
      timespec at;
      std::memcpy(&at, CMSG_DATA(control), sizeof at);
      told.arrival_utc_ns = int64_t{at.tv_sec} * 1'000'000'000 + at.tv_nsec;
    } else if (control->cmsg_type == SO_RXQ_OVFL) {
      uint32_t drops;
      std::memcpy(&drops, CMSG_DATA(control), sizeof drops);
      told.kernel_drops = drops;
    }
  }
  return told;
}

}  // namespace

ReceiveBatch::ReceiveBatch()
    : arena_(new uint8_t[kDatagramsMax * kSlotStride]),
      messages_(kDatagramsMax),
      vectors_(kDatagramsMax),
      sources_(kDatagramsMax),
      controls_(kDatagramsMax) {
  datagrams_.reserve(kDatagramsMax);
  for (size_t i = 0; i < kDatagramsMax; ++i) {
    vectors_[i] = {arena_.get() + i * kSlotStride, kSlotBytes};
    msghdr& header = messages_[i].msg_hdr;
    header.msg_iov = &vectors_[i];
    header.msg_iovlen = 1;
    header.msg_name = &sources_[i];
    header.msg_control = controls_[i].bytes.data();
    Reset(i);
  }
}

// The kernel writes lengths of what it gave over lengths of what it may give.
void ReceiveBatch::Reset(size_t index) {
  msghdr& header = messages_[index].msg_hdr;
  header.msg_namelen = sizeof(sockaddr_in6);
  header.msg_controllen = sizeof(Control);
  header.msg_flags = 0;
}

ReceiveBatch::Received ReceiveBatch::ReceiveFrom(int fd, StreamId stream, int64_t fallback_utc_ns) {
  const size_t first = datagrams_.size();
  const auto room = static_cast<unsigned>(kDatagramsMax - first);
  int got;
  do got = recvmmsg(fd, &messages_[first], room, MSG_DONTWAIT, nullptr);
  while (got < 0 && errno == EINTR);
  Received received{.drained = got < static_cast<int>(room)};
  for (int i = 0; i < got; ++i) {
    mmsghdr& message = messages_[first + static_cast<size_t>(i)];
    const Told told = ReadControl(message.msg_hdr);
    received.bytes += message.msg_len;
    if (told.kernel_drops.has_value()) received.kernel_drops = told.kernel_drops;
    datagrams_.push_back(Datagram{
        .stream = stream,
        .arrival_utc_ns = told.arrival_utc_ns.value_or(fallback_utc_ns),
        .source = ToSource(sources_[first + static_cast<size_t>(i)]),
        .bytes = Bytes(static_cast<const uint8_t*>(message.msg_hdr.msg_iov->iov_base), message.msg_len)});
  }
  received.datagrams = got > 0 ? static_cast<size_t>(got) : 0;
  return received;
}

void ReceiveBatch::Clear() {
  for (size_t i = 0; i < datagrams_.size(); ++i) Reset(i);
  datagrams_.clear();
}

}  // namespace turret::node
