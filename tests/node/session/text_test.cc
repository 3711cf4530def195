#include "node/session/text.h"

#include "gtest/gtest.h"

namespace turret::node {
namespace {

TEST(CleanText, KeepsUtf8AndReplacesWhatIsNone) {
  EXPECT_EQ(CleanText("Zoë Ångström 株"), "Zoë Ångström 株");
  EXPECT_EQ(CleanText("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(CleanText("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD");       // Overlong.
  EXPECT_EQ(CleanText("\xED\xA0\x80").substr(0, 3), "\xEF\xBF\xBD");  // A surrogate.
  EXPECT_EQ(CleanText("tab\tline\r\n"), "tab line  ");
}

TEST(CleanText, CutsBetweenCharacters) {
  EXPECT_EQ(CleanText("aë", 2), "a");
  EXPECT_EQ(CleanText("aë", 3), "aë");
  EXPECT_EQ(CleanText("株\xE6\xA0").size(), 9u);  // A character cut off at the end counts byte by byte.
}

}  // namespace
}  // namespace turret::node
