// The whole node under load, beside the bare receive loop.
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "tests/bench/row.h"

namespace turret::bench {

/// N concurrent G.711 streams for `length`, bit-exact policy, everything on; packets spread evenly over 20
/// ms. Rows: packets lost, CPU (ms per second and stream, user and system, all threads), memory (KiB a
/// stream; the growth over the idle process), each beside the bare epoll + recvmmsg loop that waits 20 ms
/// between rounds.
std::vector<Row> NodeStreams(int streams, absl::Duration length);

}  // namespace turret::bench
