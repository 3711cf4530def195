// One line on a terminal that tells how far something is. Writes nothing where nobody watches.
#pragma once

#include <cstdint>
#include <string>

#include "coordinator/turretctl/session.h"

namespace turret::turretctl {

/// "1.2 MB": powers of ten.
std::string ShowBytes(uint64_t bytes);

class Progress {
 public:
  Progress(Session& session, std::string what) : session_(session), what_(std::move(what)) {}
  ~Progress() { Done(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `total`: 0 when it is not known.
  void Bytes(uint64_t done, uint64_t total);
  void Calls(uint32_t done, uint32_t total, uint64_t bytes);
  /// Removes the line.
  void Done();

 private:
  void Show(const std::string& text);
  Session& session_;
  std::string what_;
  std::string shown_;
};

}  // namespace turret::turretctl
