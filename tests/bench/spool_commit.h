// The spool's group commit on a disk that others use too.
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "tests/bench/row.h"

namespace turret::bench {

/// 4,000 G.711 streams' datagrams are appended all the time and committed every 100 ms, for `length`, beside
/// a writer of 100 MB/s on the same disk; between two commits a bare write of the same size into a
/// preallocated file, and its fdatasync. Rows: median and 99th percentile of both, milliseconds.
std::vector<Row> SpoolCommit(absl::Duration length);

}  // namespace turret::bench
