// turret-socket-store: keeps the media sockets of turret-node over its crashes and upgrades, where there is
// no systemd to do it. It reads no packet, holds no key and opens no network.
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <iostream>

#include "CLI/CLI.hpp"
#include "monitoring/json_log.h"
#include "node/sockets/passed_descriptors.h"
#include "node/sockets/supervisor.h"
#include "spdlog/spdlog.h"
#include "storage/base/process_limits.h"

namespace turret::node {
namespace {

constexpr char kHelp[] = R"(
It starts PROGRAM and speaks systemd's protocols to it: what PROGRAM sends to NOTIFY_SOCKET with FDSTORE=1 is kept, and
passed back (LISTEN_FDS) when it is started again. PROGRAM is started again whenever it ends; one that dies at once, after
a wait that grows to 5 s. One that never came up (READY=1) ends this program with its exit code.

Signals:
  SIGTERM, SIGINT  PROGRAM gets SIGTERM and ends its calls; this program ends with its exit code
  SIGHUP           upgrade: PROGRAM gets SIGUSR2 and leaves, its calls and sockets stay (after 5 s it is killed); then
                   this program becomes what its file now holds, and starts what PROGRAM's file now holds
When this program is killed, PROGRAM gets SIGUSR2 and leaves; its calls go on when both are started again.

Under systemd use deploy/systemd/turret-node.service instead: systemd keeps the sockets itself.
)";

// Read at the start: after an upgrade of the package the link says "(deleted)".
std::string OwnPath() {
  std::array<char, PATH_MAX> path{};
  const ssize_t bytes = readlink("/proc/self/exe", path.data(), path.size() - 1);
  return bytes > 0 ? std::string(path.data(), static_cast<size_t>(bytes)) : "";
}

int Run(const SupervisorOptions& options, char** argv) {
  const std::string own_path = OwnPath();
  const SystemClock clock;
  std::vector<NamedDescriptor> kept = TakePassedDescriptors();
  while (true) {
    auto supervisor = Supervisor::Create(options, std::move(kept), clock);
    if (!supervisor.ok()) {
      spdlog::error("{}", supervisor.status().ToString());
      return 1;
    }
    const Supervisor::End end = (*supervisor)->Run();
    if (!end.upgrade) return end.exit_code;
    kept = (*supervisor)->TakeKept();
    supervisor->reset();
    spdlog::info("upgrade: going on as {} with {} sockets", own_path, kept.size());
    if (const absl::Status passed = PassDescriptors(std::move(kept)); !passed.ok()) {
      spdlog::error("{}", passed.ToString());
      return 1;
    }
    execv(own_path.c_str(), argv);
    spdlog::error("upgrade: cannot become {}: {}; going on as before", own_path, std::strerror(errno));
    kept = TakePassedDescriptors();
  }
}

}  // namespace
}  // namespace turret::node

int main(int argc, char** argv) {
  turret::node::SupervisorOptions options;
  CLI::App app(
      "Turret recorder, socket store: runs turret-node, and keeps its media sockets while it does not run.\n"
      "  turret-socket-store -- turret-node --config /etc/turret/node.yaml");
  app.footer(turret::node::kHelp);
  app.set_version_flag("--version", "turret-socket-store 0.1.0");
  app.add_option("program", options.program, "what to run, and its arguments")->required();
  app.positionals_at_end();
  CLI11_PARSE(app, argc, argv);

  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  turret::RaiseDescriptorLimit();
  turret::LogAsJson("turret-socket-store");
  return turret::node::Run(options, argv);
}
