// What a program tells the service manager that started it: systemd, or turret-socket-store, which speaks the
// same protocol (sd_notify(3)).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace turret {

/// Thread-safe. Cheap to copy.
class ServiceManager {
 public:
  static constexpr size_t kDescriptorsMax = 16;  // In one message; the kernel takes 253.

  /// As NOTIFY_SOCKET names it; without that there is none, and what is sent goes nowhere.
  static ServiceManager FromEnvironment();
  /// "/path" or "@abstract name"; empty: none.
  explicit ServiceManager(std::string address) : address_(std::move(address)) {}
  bool present() const { return !address_.empty(); }

  /// One datagram, "KEY=value" lines, with copies of `descriptors`. Never waits. Errors: Unavailable when the
  /// manager cannot take it now, or is gone: try again later; InvalidArgument: never.
  [[nodiscard]] absl::Status Send(std::string_view text, std::span<const int> descriptors = {}) const;

 private:
  std::string address_;
};

}  // namespace turret
