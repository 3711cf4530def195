#include "tests/bench/row.h"

#include <algorithm>
#include <iostream>

#include "fmt/format.h"
#include "nlohmann/json.hpp"

namespace turret::bench {

void PrintRows(const std::vector<Row>& rows, bool json) {
  if (json) {
    for (const Row& row : rows)
      std::cout << nlohmann::json({{"name", row.name},
                                   {"value", row.value},
                                   {"unit", row.unit},
                                   {"limit", row.limit},
                                   {"ratio", row.ratio()}})
                       .dump()
                << '\n';
    return;
  }
  size_t width = 4;
  for (const Row& row : rows) width = std::max(width, row.name.size());
  for (const Row& row : rows) {
    std::cout << fmt::format("{:<{}}  {:>12.3f} {:<18}", row.name, width, row.value, row.unit);
    if (row.limit != 0)
      std::cout << fmt::format("  limit {:>12.3f}  ratio {:>7.3f}  ({})", row.limit, row.ratio(),
                               row.limit_name);
    std::cout << '\n';
  }
  std::cout.flush();
}

}  // namespace turret::bench
