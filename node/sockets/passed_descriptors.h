// Descriptors that go from one process image to the next with their names: LISTEN_FDS, LISTEN_PID and
// LISTEN_FDNAMES as sd_listen_fds(3) has them. They stand from descriptor 3 on.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "node/sockets/descriptor.h"

namespace turret::node {

struct NamedDescriptor {
  std::string name;
  Descriptor descriptor;
};

/// What was passed to this process; empty when nothing was. Takes the variables out of the environment, and
/// sets close-on-exec. To be called once, before there are threads and before anything else opens a
/// descriptor.
std::vector<NamedDescriptor> TakePassedDescriptors();

/// The bytes that the names take in the environment, of which the kernel takes 128 KiB in one variable.
size_t PassedNamesBytes(const std::vector<NamedDescriptor>& descriptors);
inline constexpr size_t kPassedNamesBytesMax = size_t{128} * 1024 - 64;

/// Puts `descriptors` and the variables where the program that this process is about to become takes them;
/// whatever stood there is closed. For a process of one thread, just before exec. Errors: Internal (dup2).
[[nodiscard]] absl::Status PassDescriptors(std::vector<NamedDescriptor> descriptors);

}  // namespace turret::node
