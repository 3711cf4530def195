#include "gmock/gmock.h"
#include "storage/index/index.h"
#include "storage/index/keys.h"

namespace turret {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(NormaliseName, FoldsAsciiCaseAndDropsPunctuationAndSpaces) {
  EXPECT_EQ(NormaliseName("O'Brien, Ada-M."), "obrienadam");
  EXPECT_EQ(NormaliseName("+44 (20) 7946-0011"), "442079460011");
  EXPECT_EQ(NormaliseName(" \t"), "");
}

TEST(NormaliseName, KeepsLettersOfOtherScripts) {
  EXPECT_EQ(NormaliseName("Zoë Müller"), "zoëmüller");
  EXPECT_EQ(NormaliseName("山田 太郎"), "山田太郎");
  EXPECT_EQ(NormaliseName("d’Arcy\u00A0X"), "darcyx");  // Typographic apostrophe, no-break space.
}

TEST(NormaliseName, KeepsBytesThatAreNotUtf8) {
  EXPECT_EQ(NormaliseName("\xE4x"), "\xE4x");
  EXPECT_EQ(NormaliseName("\xF0\x9F"), "\xF0\x9F");
}

TEST(PartyTerms, AreNameWholeAddressAndUserPart) {
  EXPECT_THAT(index::PartyTerms("Ada Ashdown", "sip:+442079460011@sbc.example;transport=tcp"),
              ElementsAre("442079460011", "442079460011sbcexample", "adaashdown"));
  EXPECT_THAT(index::PartyTerms("", "<SIPS:ada@bank.example>"), ElementsAre("ada", "adabankexample"));
  EXPECT_THAT(index::PartyTerms("", "tel:+1-201-555-0123"), ElementsAre("12015550123"));
  EXPECT_THAT(index::PartyTerms("", ""), IsEmpty());
}

TEST(PartyQueryTerm, IsOneOfTheTermsHoweverTheNumberIsWritten) {
  for (const char* query : {"+44 20 7946 0011", "tel:+442079460011", "(44) 20-79460011"})
    EXPECT_EQ(index::PartyQueryTerm(query), "442079460011") << query;
  EXPECT_EQ(index::PartyQueryTerm("sip:+442079460011@x"), "442079460011x");
}

}  // namespace
}  // namespace turret
