// Linked with the null cipher: the search of clear_keys_test.cc would find a key.
#include "gmock/gmock.h"
#include "tests/node/spool/clear_keys.h"

namespace turret::node {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

TEST_F(ClearKeysTest, TheSameSearchFindsEachKeyThatIsStoredWithoutACipher) {
  EXPECT_THAT(FilesWith(unit_key_), ElementsAre(MatchesRegex("extent-.*: as it is")));
  EXPECT_THAT(FilesWith(extent_key_), ElementsAre(MatchesRegex("extent-.*: as it is")));
  EXPECT_THAT(FilesWith(key_), IsEmpty());  // It stands in a file of its own, which is not in the spool.
}

}  // namespace
}  // namespace turret::node
