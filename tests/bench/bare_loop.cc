// The limit of the receive path: one UDP socket a stream, epoll and recvmmsg, 20 ms between rounds, and
// nothing else.
//   turret-bare-loop STREAMS: prints the first port when ready, then "datagrams N" at SIGTERM.
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

volatile sig_atomic_t stop = 0;
constexpr size_t kBatch = 64;
constexpr uint16_t kFirstPort = 20000;
constexpr timespec kRound{0, 20'000'000};

std::vector<int> OpenSockets(int count, int epoll) {
  std::vector<int> sockets;
  for (int i = 0; i < count; ++i) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(kFirstPort + 2 * i));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      std::perror("bind");
      std::exit(1);
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    sockets.push_back(fd);
  }
  return sockets;
}

}  // namespace

int main(int argc, char** argv) {
  const int streams = argc > 1 ? std::atoi(argv[1]) : 0;
  if (streams < 1 || streams > 5000) return 2;
  signal(SIGTERM, [](int) { stop = 1; });
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  OpenSockets(streams, epoll);
  std::printf("ready %d\n", kFirstPort);
  std::fflush(stdout);

  std::vector<std::array<char, 2048>> buffers(kBatch);
  std::array<iovec, kBatch> pieces;
  std::array<mmsghdr, kBatch> messages{};
  for (size_t i = 0; i < kBatch; ++i) {
    pieces[i] = {buffers[i].data(), buffers[i].size()};
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  std::vector<epoll_event> events(static_cast<size_t>(streams));
  uint64_t datagrams = 0;
  while (stop == 0) {
    nanosleep(&kRound, nullptr);
    const int ready = epoll_wait(epoll, events.data(), streams, 0);
    for (int i = 0; i < ready; ++i)
      for (int n; (n = recvmmsg(events[static_cast<size_t>(i)].data.fd, messages.data(), kBatch, MSG_DONTWAIT,
                                nullptr)) > 0;)
        datagrams += static_cast<uint64_t>(n);
  }
  std::printf("datagrams %llu\n", static_cast<unsigned long long>(datagrams));
  return 0;
}
