// What an export says of its calls, rewritten for reading: JSON for programs, CSV (RFC 4180) for tables.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "turret/v1/access.pb.h"

namespace turret::coordinator {

/// What audio.wav and channel-<n>.wav hold.
struct AudioFiles {
  int64_t begin_utc_ns = 0;
  std::vector<std::string> channels;
  std::vector<v1::UnsurePlace> unsure;
};

/// One call, UTF-8. Times are UTC, RFC 3339 with nanoseconds; ids are hex.
std::string CallJson(const v1::CallSummary& call, const std::vector<uint64_t>& ledger_entries,
                     const AudioFiles& audio);

/// With a header line; one line a call, and one line a gap.
std::string CallsCsv(const std::vector<v1::CallSummary>& calls);
std::string GapsCsv(const std::vector<v1::CallSummary>& calls);

/// Quoted as RFC 4180 wants it. What a spreadsheet would run as a formula gets an apostrophe in front.
std::string CsvField(std::string_view text);

}  // namespace turret::coordinator
