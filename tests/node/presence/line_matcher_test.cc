#include "node/presence/line_matcher.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace turret::node {
namespace {

v1::Line& AddLine(v1::Enrolment& enrolment, std::string_view name) {
  v1::Line& line = *enrolment.add_lines();
  line.set_name(std::string(name));
  return line;
}

void AddMatcher(v1::Line& line, v1::Matcher::Field field, std::string_view pattern) {
  v1::Matcher& matcher = *line.add_matchers();
  matcher.set_field(field);
  matcher.set_pattern(std::string(pattern));
}

TEST(MatchesPattern, ComparesWithoutRegardToCaseAndKnowsStars) {
  EXPECT_TRUE(MatchesPattern("sip:Ada@bank.example", "SIP:ADA@bank.example"));
  EXPECT_TRUE(MatchesPattern("sip:*@bank.example", "sip:ada@bank.example"));
  EXPECT_TRUE(MatchesPattern("*", "x"));
  EXPECT_TRUE(MatchesPattern("a*b*c", "aXbYbZc"));
  EXPECT_FALSE(MatchesPattern("a*b", "aXbY"));
  EXPECT_FALSE(MatchesPattern("ada", "adam"));
}

TEST(MatchesPattern, NothingMatchesAnAbsentTrait) {
  EXPECT_FALSE(MatchesPattern("*", ""));
  EXPECT_FALSE(MatchesPattern("", "x"));
}

TEST(MatchesPattern, ManyStarsTakeNoExponentialTime) {
  EXPECT_FALSE(MatchesPattern("*a*a*a*a*a*a*a*a*a*a*b", std::string(5000, 'a')));
}

TEST(MatchLines, GivesLinesInTheEnrolmentsOrderEachByItsFirstMatcher) {
  v1::Enrolment enrolment;
  v1::Line& speaker = AddLine(enrolment, "speaker");
  AddMatcher(speaker, v1::Matcher::DEVICE, "turret-014*");
  v1::Line& ada = AddLine(enrolment, "ada");
  AddMatcher(ada, v1::Matcher::LABEL, "none-such");
  AddMatcher(ada, v1::Matcher::AOR, "sip:ada@bank.example");
  AddMatcher(ada, v1::Matcher::SOURCE, "10.0.0.1");
  AddLine(enrolment, "other");
  CallTraits traits;
  traits.aors = {"sip:bob@client.example", "<sip:ADA@bank.example;user=phone>"};
  traits.labels = {"1", "2"};
  traits.device = "turret-014/2.1";
  traits.source = "10.0.0.1";
  const std::vector<LineMatch> matches = MatchLines(enrolment, traits);
  ASSERT_EQ(matches.size(), 2u);
  EXPECT_EQ(matches[0].line->name(), "speaker");
  EXPECT_EQ(matches[1].line->name(), "ada");
  EXPECT_EQ(matches[1].by, v1::Matcher::AOR);
  EXPECT_EQ(matches[1].value, traits.aors[1]);
}

TEST(MatchLines, AnAorNeedsNoScheme) {
  v1::Enrolment enrolment;
  AddMatcher(AddLine(enrolment, "ada"), v1::Matcher::AOR, "+31201234567");
  CallTraits traits;
  traits.aors = {"tel:+31201234567"};
  EXPECT_EQ(MatchLines(enrolment, traits).size(), 1u);
}

TEST(MatchLines, RetiredLinesNeverMatch) {
  v1::Enrolment enrolment;
  v1::Line& line = AddLine(enrolment, "gone");
  AddMatcher(line, v1::Matcher::SOURCE, "*");
  line.set_retired_utc_ns(1);
  CallTraits traits;
  traits.source = "10.0.0.1";
  EXPECT_TRUE(MatchLines(enrolment, traits).empty());
}

}  // namespace
}  // namespace turret::node
