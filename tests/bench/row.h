// One row of a benchmark's result: the value beside a limit that was measured in the same run.
#pragma once

#include <string>
#include <vector>

namespace turret::bench {

struct Row {
  std::string name;
  double value = 0;
  std::string unit;
  double limit = 0;        // The same quantity at the limit.
  std::string limit_name;  // What the limit is.
  double ratio() const { return limit == 0 ? 0 : value / limit; }
};

/// A table for people, or one JSON object a line.
void PrintRows(const std::vector<Row>& rows, bool json);

}  // namespace turret::bench
