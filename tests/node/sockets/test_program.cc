// A program for the socket store to run: sockets_test_program FOLDER MODE. It appends a line to FOLDER/starts
// with what was passed to it, and to FOLDER/received what it reads from its socket.
//   serve    stores a UDP socket as "20000" unless one came back; SIGTERM: code 7; SIGUSR2: leaves with code
//   0 deaf     the same, but does not leave crash    says that it is ready and ends with code 3 fail     ends
//   with code 3 at once
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <string>

#include "monitoring/service_manager.h"
#include "node/sockets/passed_descriptors.h"

namespace {

using turret::ServiceManager;
using turret::node::Descriptor;
using turret::node::NamedDescriptor;

void Append(const std::string& path, const std::string& line) {
  std::ofstream(path, std::ios::app) << line << std::endl;
}

Descriptor BindAny() {
  Descriptor made(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in any{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  if (bind(made.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) _exit(9);
  return made;
}

uint16_t PortOf(const Descriptor& bound) {
  sockaddr_in at{};
  socklen_t bytes = sizeof at;
  getsockname(bound.get(), reinterpret_cast<sockaddr*>(&at), &bytes);
  return ntohs(at.sin_port);
}

int Serve(const std::string& folder, bool deaf, std::vector<NamedDescriptor> passed,
          const ServiceManager& manager) {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGUSR2}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  const Descriptor asked(signalfd(-1, &signals, SFD_CLOEXEC));
  Descriptor media = passed.empty() ? BindAny() : std::move(passed[0].descriptor);
  const std::array<int, 1> kept{media.get()};
  if (passed.empty() && !manager.Send("FDSTORE=1\nFDNAME=20000\n", kept).ok()) return 8;
  if (!manager.Send("READY=1").ok()) return 8;
  Append(folder + "/ports", std::to_string(PortOf(media)));
  while (true) {
    std::array<pollfd, 2> sources{{{media.get(), POLLIN, 0}, {asked.get(), POLLIN, 0}}};
    poll(sources.data(), sources.size(), -1);
    signalfd_siginfo signal{};
    if (sources[1].revents != 0 && read(asked.get(), &signal, sizeof signal) > 0) {
      if (signal.ssi_signo == SIGTERM) return 7;
      if (!deaf) return 0;
    }
    std::array<char, 2048> text{};
    if (const ssize_t bytes = recv(media.get(), text.data(), text.size(), MSG_DONTWAIT); bytes > 0)
      Append(folder + "/received", std::string(text.data(), static_cast<size_t>(bytes)));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string folder = argv[1];
  const std::string mode = argv[2];
  std::vector<NamedDescriptor> passed = turret::node::TakePassedDescriptors();
  std::string line = std::to_string(getpid());
  for (const NamedDescriptor& each : passed) line += " " + each.name;
  Append(folder + "/starts", line);
  const ServiceManager manager = ServiceManager::FromEnvironment();
  if (mode == "serve" || mode == "deaf") return Serve(folder, mode == "deaf", std::move(passed), manager);
  if (mode == "crash" && !manager.Send("READY=1").ok()) return 8;
  return 3;
}
