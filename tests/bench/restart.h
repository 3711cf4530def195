// What a restart costs, and what a backlog: the real programs on loopback.
#pragma once

#include <vector>

#include "tests/bench/row.h"

namespace turret::bench {

/// 1,000 running calls (2,000 streams), the node upgraded and killed under its socket store. Rows:
/// milliseconds from the new program's start to its first packet, all calls taken up, and until all that
/// waited is durable, beside the same program with no calls; packets lost of all that were sent.
std::vector<Row> Restart();

/// 1,000 streams were recorded while the coordinator was away; the node is killed, its spool is not in the
/// page cache, and 500 other streams go on. Rows: how many times real time the backlog is read, sealed, sent
/// and acknowledged, beside a bare read of the same extents; packets lost of the 500.
std::vector<Row> SpoolDrain();

}  // namespace turret::bench
