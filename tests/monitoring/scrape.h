// One HTTP GET over loopback, and promtool: what a Prometheus would see.
#pragma once

#include <cstdint>
#include <string>

namespace turret::test {

struct HttpAnswer {
  int status = 0;  // 0: no connection.
  std::string body;
};
HttpAnswer HttpGet(uint16_t port, const std::string& path);

/// Runs `command` in a shell with `input` on its standard input. Output holds both standard streams.
struct CommandResult {
  int exit_code = -1;
  std::string output;
};
CommandResult RunWithInput(const std::string& command, const std::string& input);

}  // namespace turret::test
