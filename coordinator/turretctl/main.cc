#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "coordinator/turretctl/cli.h"
#include "storage/base/clock.h"

int main(int argc, char** argv) {
  const turret::SystemClock clock;
  const turret::turretctl::Environ environment = [](const std::string& name) -> std::optional<std::string> {
    const char* const value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  return turret::turretctl::Run({argv + 1, argv + argc}, {.clock = clock,
                                                          .out = std::cout,
                                                          .err = std::cerr,
                                                          .terminal = isatty(STDERR_FILENO) == 1,
                                                          .environ = environment});
}
