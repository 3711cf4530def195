// No key stands in clear in any file of an archive.
#include "tests/coordinator/ingest/clear_keys.h"

#include <gmock/gmock.h>

namespace turret::test {
namespace {

using ::testing::IsEmpty;

// S6, S12.
TEST_F(ClearKeysTest, VolumesBooksLedgerAndIndexHoldNoKey) {
  EXPECT_THAT(FilesWith(unit_key_), IsEmpty());
  EXPECT_THAT(FilesWith(call_key_), IsEmpty());
  EXPECT_THAT(FilesWith(body_key_), IsEmpty());
  EXPECT_THAT(FilesWith(month_key_), IsEmpty());
  EXPECT_THAT(FilesWith(intake_key_), IsEmpty());
  EXPECT_THAT(FilesWith(signing_key_), IsEmpty());
  EXPECT_THAT(FilesWith(segment_key_), IsEmpty());
}

}  // namespace
}  // namespace turret::test
