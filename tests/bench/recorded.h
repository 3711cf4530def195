// What the archive holds after a run.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "tests/interop/cluster.h"

namespace turret::bench {

/// Waits until `calls` calls have ended there and nothing is under way; packets recorded of all of them.
absl::StatusOr<uint64_t> RecordedPackets(const test::Cluster& cluster, size_t calls);

}  // namespace turret::bench
