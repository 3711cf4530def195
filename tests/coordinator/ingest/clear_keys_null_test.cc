// Linked with the null cipher: the search of clear_keys_test.cc would find a key.
#include <gmock/gmock.h>

#include "tests/coordinator/ingest/clear_keys.h"

namespace turret::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

TEST_F(ClearKeysTest, TheSameSearchFindsEachKeyThatIsStoredWithoutACipher) {
  EXPECT_THAT(FilesWith(unit_key_), ElementsAre(MatchesRegex("books/mifid/.*\\.book: as it is")));
  EXPECT_THAT(FilesWith(call_key_), ElementsAre(MatchesRegex("books/mifid/.*\\.book: as it is")));
  EXPECT_THAT(FilesWith(body_key_), ElementsAre(MatchesRegex("books/coverage/.*\\.book: as it is")));
  EXPECT_THAT(FilesWith(month_key_), ElementsAre(MatchesRegex("keys/month/mifid-.*\\.key: as it is")));
  EXPECT_THAT(FilesWith(intake_key_), ElementsAre(MatchesRegex("keys/intake/.*\\.key: as it is")));
  EXPECT_THAT(FilesWith(signing_key_), ElementsAre("keys/ledger-signing.key: as it is"));
  EXPECT_THAT(FilesWith(segment_key_), IsEmpty());  // It is derived from the unit's key, never stored.
}

}  // namespace
}  // namespace turret::test
