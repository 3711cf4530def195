// No key stands in clear in any file of the spool.
#include "tests/node/spool/clear_keys.h"

#include "gmock/gmock.h"

namespace turret::node {
namespace {

using ::testing::IsEmpty;

// S6, S12.
TEST_F(ClearKeysTest, TheSpoolHoldsNoKey) {
  EXPECT_THAT(FilesWith(unit_key_), IsEmpty());
  EXPECT_THAT(FilesWith(extent_key_), IsEmpty());
  EXPECT_THAT(FilesWith(key_), IsEmpty());
}

}  // namespace
}  // namespace turret::node
