#include <string>

#include "gtest/gtest.h"
#include "tests/monitoring/scrape.h"

namespace turret {
namespace {

constexpr char kMixin[] = TURRET_SOURCE "/monitoring/mixin";
constexpr char kTests[] = TURRET_SOURCE "/tests/monitoring";

TEST(Rules, PromtoolTakesTheAlerts) {
  const auto check = test::RunWithInput(std::string("promtool check rules ") + kMixin + "/alerts.yaml", "");
  EXPECT_EQ(check.exit_code, 0) << check.output;
}

// T01 (divergence beyond 1 s is told), and each of the others: fires when it must, and is quiet when all is
// well.
TEST(Rules, AlertsFireWhenTheyMustAndOnlyThen) {
  const auto check =
      test::RunWithInput(std::string("cd ") + kTests + " && promtool test rules alerts_test.yaml", "");
  EXPECT_EQ(check.exit_code, 0) << check.output;
}

}  // namespace
}  // namespace turret
