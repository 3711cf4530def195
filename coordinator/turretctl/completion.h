#pragma once

#include <string>

namespace CLI {
class App;
}

namespace turret::turretctl {

/// A completion script for bash, made from the program's own commands and options.
std::string BashCompletion(const CLI::App& app);

}  // namespace turret::turretctl
