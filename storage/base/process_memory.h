// What a process holds in memory stays there: keys, audio and names alike, whoever allocated them (OpenSSL,
// gRPC and RocksDB included).
#pragma once

#include <string>

#include "absl/status/status.h"

namespace turret {

/// To be called first in main(), before anything secret is read. No core file, and no anonymous memory in one
/// that is taken by force; no ptrace by others of this user; no page in swap, now or later. Errors:
/// ResourceExhausted when memory may not be locked (it takes CAP_IPC_LOCK, or RLIMIT_MEMLOCK without a
/// limit): all but swap holds then, and the caller warns.
[[nodiscard]] absl::Status KeepMemoryOffDisk();

/// The same for a file on a tmpfs, which may be swapped like any memory: its pages are locked until the
/// process ends. Errors: Unavailable when it cannot be read or locked.
[[nodiscard]] absl::Status KeepFileOffSwap(const std::string& path);

}  // namespace turret
