// What the system allows a process.
#pragma once

#include <sys/resource.h>

namespace turret {

/// The soft limit of descriptors, 1024 by custom, is no limit for us: each stream has two sockets, each volume
/// a file, and strangers' connections must not take what these need.
inline void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace turret
