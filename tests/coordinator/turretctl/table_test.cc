#include "coordinator/turretctl/table.h"

#include "gtest/gtest.h"

namespace turret::turretctl {
namespace {

TEST(Table, AlignsNamesOfAnyScript) {
  Table table({{"NAME"}, {"COUNT", Table::Align::kRight}, {"NOTE"}});
  table.Add({"Zoë Ångström", "7", "x"});
  table.Add({"山田太郎", "1234", "y"});
  table.Add({"e\xCC\x81", "1"});
  EXPECT_EQ(table.Render(),
            "NAME          COUNT  NOTE\n"
            "Zoë Ångström      7  x\n"
            "山田太郎       1234  y\n"
            "e\xCC\x81                 1\n");
}

TEST(Table, WithoutTitlesHasNoTitleLine) {
  Table table({{""}, {"", Table::Align::kRight}});
  table.Add({"a", "1"});
  EXPECT_EQ(table.Render(2), "  a  1\n");
}

// Names come from SIP messages: none may move the cursor, hide text or break the line.
TEST(Printable, LeavesNoByteThatSteersATerminal) {
  EXPECT_EQ(Printable("a\x1B[2Jb\n\x7F"), "a\uFFFD[2Jb\uFFFD\uFFFD");
  EXPECT_EQ(Printable("x\u202Ey"), "x\uFFFDy");
  EXPECT_EQ(Printable("\xC3\x28"), "\uFFFD(");
  EXPECT_EQ(Printable("\xE2\x82"), "\uFFFD\uFFFD");
  EXPECT_EQ(Printable("\xC0\x80"), "\uFFFD\uFFFD");
  EXPECT_EQ(Printable("Zoë 山"), "Zoë 山");
}

TEST(DisplayWidth, CountsColumnsOfATerminal) {
  EXPECT_EQ(DisplayWidth("abc"), 3U);
  EXPECT_EQ(DisplayWidth("ë"), 1U);
  EXPECT_EQ(DisplayWidth("e\xCC\x88"), 1U);
  EXPECT_EQ(DisplayWidth("山"), 2U);
  EXPECT_EQ(DisplayWidth("📞"), 2U);
}

}  // namespace
}  // namespace turret::turretctl
