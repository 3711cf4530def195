#include "coordinator/enrolment/enrolment_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fmt/format.h"
#include "storage/base/ids.h"
#include "tests/support/support.h"

namespace turret::coordinator {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kOrphans = "orphans: { storage_class: mifid, rules: [mifid7] }\n";

std::string Line(std::string_view name, std::string_view trader = "Ada Ashdown") {
  return fmt::format(
      "  - name: {}\n    trader: {}\n    desk: London Equities\n    storage_class: mifid\n    rules: "
      "[mifid5]\n"
      "    match: [ {{ aor: \"sip:{}@bank.example\" }} ]\n",
      name, trader, name);
}

std::string Document(std::initializer_list<std::string> lines) {
  std::string text = fmt::format("{}lines:\n", kOrphans);
  if (lines.size() == 0) return fmt::format("{}lines: []\n", kOrphans);
  for (const std::string& line : lines) text += line;
  return text;
}

v1::EnrolmentChanged Parsed(std::string_view yaml) {
  auto document = ParseEnrolment(yaml);
  EXPECT_TRUE(document.ok()) << document.status();
  return document.ok() ? *document : v1::EnrolmentChanged{};
}

std::string Error(std::string_view yaml) {
  const absl::Status status = ParseEnrolment(yaml).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << yaml;
  return std::string(status.message());
}

TEST(EnrolmentFile, EveryKeyOfALineIsRead) {
  const v1::EnrolmentChanged document = Parsed(R"(orphans: { storage_class: mifid, rules: [mifid7] }
lines:
  - name: LDN-EQ-014/1
    trader: Ada Ashdown
    desk: London Equities
    device: turret-014
    policy: exact
    opus_bitrate: 32000
    storage_class: mifid
    rules: [mifid5, gdpr-only]
    media_profile: push-to-talk
    proof_age: 12h
    match: [ { aor: "sip:ada@bank.example" }, { label: "14-1" }, { device: "t*" }, { source: "10.0.0.1" } ]
)");
  ASSERT_EQ(document.lines_size(), 1);
  const v1::Line& line = document.lines(0);
  EXPECT_EQ(line.name(), "LDN-EQ-014/1");
  EXPECT_EQ(line.trader(), "Ada Ashdown");
  EXPECT_EQ(line.device(), "turret-014");
  EXPECT_EQ(line.policy(), v1::POLICY_EXACT);
  EXPECT_EQ(line.opus_bitrate(), 32000u);
  EXPECT_THAT(line.rules(), ElementsAre("mifid5", "gdpr-only"));
  EXPECT_EQ(line.media_profile(), v1::MEDIA_PROFILE_PUSH_TO_TALK);
  EXPECT_EQ(line.proof_age_ns(), absl::ToInt64Nanoseconds(absl::Hours(12)));
  ASSERT_EQ(line.matchers_size(), 4);
  EXPECT_EQ(line.matchers(0).field(), v1::Matcher::AOR);
  EXPECT_EQ(line.matchers(1).pattern(), "14-1");
  EXPECT_EQ(line.matchers(3).field(), v1::Matcher::SOURCE);
  EXPECT_EQ(document.orphan_storage_class(), "mifid");
  EXPECT_THAT(document.orphan_rules(), ElementsAre("mifid7"));
  EXPECT_EQ(document.document_digest().size(), 64u);
}

TEST(EnrolmentFile, DefaultsAreOpusContinuousAndOneTradingDayOfProof) {
  const v1::EnrolmentChanged document = Parsed(Document({Line("a")}));
  EXPECT_EQ(document.lines(0).policy(), v1::POLICY_OPUS);
  EXPECT_EQ(document.lines(0).media_profile(), v1::MEDIA_PROFILE_CONTINUOUS);
  EXPECT_EQ(document.lines(0).proof_age_ns(), absl::ToInt64Nanoseconds(absl::Hours(24)));
}

TEST(EnrolmentFile, MistakesAreToldWithTheirLineAndWhatToWrite) {
  EXPECT_THAT(Error(Document({Line("a"), Line("a")})), HasSubstr("line 9: line `a` is already there"));
  EXPECT_THAT(Error(Document({Line("a") + "    tradr: x\n"})), HasSubstr("line 9: unknown key `tradr`"));
  EXPECT_THAT(Error(Document({Line("a") + "    policy: mp3\n"})),
              HasSubstr("line 9: `policy` must be exact or opus"));
  EXPECT_THAT(Error(Document({Line("a") + "    opus_bitrate: 1\n"})), HasSubstr("6000 to 128000"));
  EXPECT_THAT(Error(Document({Line("a") + "    proof_age: soon\n"})), HasSubstr("such as 24h"));
  EXPECT_THAT(Error(fmt::format("{}lines:\n  - name: a\n", kOrphans)),
              HasSubstr("line 3: `trader` is missing"));
  EXPECT_THAT(Error(fmt::format("{}lines:\n  - name: a\n", kOrphans)), HasSubstr("`match` is missing"));
  EXPECT_THAT(Error("lines: []\n"), HasSubstr("`orphans` is missing"));
  EXPECT_THAT(Error(fmt::format("{}lines:\n  - [1, 2]\n", kOrphans)), HasSubstr("line 3: want a mapping"));
  EXPECT_THAT(Error("a: [\n"), HasSubstr("not YAML"));
}

TEST(EnrolmentFile, AClassThatIsReservedOrNoNameIsRefused) {
  EXPECT_THAT(Error("orphans: { storage_class: access, rules: [a] }\nlines: []\n"), HasSubstr("reserved"));
  EXPECT_THAT(Error("orphans: { storage_class: ../x, rules: [a] }\nlines: []\n"),
              HasSubstr("a-z, 0-9 and -"));
  EXPECT_THAT(Error("orphans: { storage_class: -mifid, rules: [a] }\nlines: []\n"), HasSubstr("no - first"));
  EXPECT_THAT(Error("orphans: { storage_class: seventeen-letters, rules: [a] }\nlines: []\n"),
              HasSubstr("1 to 16"));
}

// C11: what must never be recorded is not taken for recorded by a class that nobody honours.
TEST(EnrolmentFile, NeverRecordIsRefusedWithWhatToDoInstead) {
  std::string private_line = Line("a");
  private_line.replace(private_line.find("mifid"), 5, "none");
  EXPECT_THAT(Error(Document({private_line})),
              AllOf(HasSubstr("never record"), HasSubstr("let the SBC not send")));
  EXPECT_THAT(Error("orphans: { storage_class: none, rules: [a] }\nlines: []\n"), HasSubstr("never record"));
}

TEST(EnrolmentFile, AFileWithoutLinesDoesNotRetireThemAll) {
  EXPECT_THAT(Error(kOrphans), HasSubstr("`lines`"));
}

class NextEnrolmentTest : public ::testing::Test {
 protected:
  v1::EnrolmentChanged Next(const v1::EnrolmentChanged* previous, std::initializer_list<std::string> lines) {
    now_ += absl::Hours(1);
    auto next = NextEnrolment(previous, Parsed(Document(lines)), now_, random_);
    EXPECT_TRUE(next.ok() && next->has_value());
    return **next;
  }
  test::SeededRandom random_{1};
  absl::Time now_ = absl::FromUnixSeconds(1'790'000'000);
};

TEST_F(NextEnrolmentTest, AFirstDocumentEnrolsItsLinesNow) {
  const v1::EnrolmentChanged first = Next(nullptr, {Line("a"), Line("b")});
  EXPECT_EQ(first.version(), 1u);
  EXPECT_EQ(first.effective_utc_ns(), absl::ToUnixNanos(now_));
  EXPECT_EQ(first.lines(0).enrolled_utc_ns(), absl::ToUnixNanos(now_));
  EXPECT_EQ(first.lines(0).line_id().size(), kIdBytes);
  EXPECT_NE(first.lines(0).line_id(), first.lines(1).line_id());
}

TEST_F(NextEnrolmentTest, TheSameDocumentAgainChangesNothing) {
  const v1::EnrolmentChanged first = Next(nullptr, {Line("a")});
  auto again = NextEnrolment(&first, Parsed(Document({Line("a")})), now_ + absl::Hours(1), random_);
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(again->has_value());
}

// C04: who had a line on a day can be told from the versions.
TEST_F(NextEnrolmentTest, ALineKeepsItsIdWhenItsTraderChanges) {
  const v1::EnrolmentChanged first = Next(nullptr, {Line("a")});
  const v1::EnrolmentChanged second = Next(&first, {Line("a", "Bo Berg")});
  EXPECT_EQ(second.version(), 2u);
  EXPECT_EQ(second.lines(0).line_id(), first.lines(0).line_id());
  EXPECT_EQ(second.lines(0).trader(), "Bo Berg");
  EXPECT_EQ(second.lines(0).enrolled_utc_ns(), first.lines(0).enrolled_utc_ns());
}

TEST_F(NextEnrolmentTest, ALineThatIsGoneStaysAsRetiredAndMayComeBack) {
  const v1::EnrolmentChanged first = Next(nullptr, {Line("a"), Line("b")});
  const v1::EnrolmentChanged second = Next(&first, {Line("b")});
  ASSERT_EQ(second.lines_size(), 2);
  EXPECT_EQ(second.lines(1).name(), "a");
  EXPECT_EQ(second.lines(1).retired_utc_ns(), absl::ToUnixNanos(now_));
  const int64_t retired_utc_ns = absl::ToUnixNanos(now_);
  const v1::EnrolmentChanged third = Next(&second, {Line("b", "Bo Berg")});
  EXPECT_EQ(third.lines(1).retired_utc_ns(), retired_utc_ns);
  const v1::EnrolmentChanged fourth = Next(&third, {Line("a"), Line("b")});
  EXPECT_EQ(fourth.lines_size(), 2);
  EXPECT_EQ(fourth.lines(0).line_id(), first.lines(0).line_id());
  EXPECT_EQ(fourth.lines(0).retired_utc_ns(), 0);
  EXPECT_EQ(fourth.lines(0).enrolled_utc_ns(), absl::ToUnixNanos(now_));
}

TEST_F(NextEnrolmentTest, ANodeIsNotToldOfRetiredLines) {
  const v1::EnrolmentChanged first = Next(nullptr, {Line("a"), Line("b")});
  const v1::Enrolment told = ForNode(Next(&first, {Line("b")}));
  ASSERT_EQ(told.lines_size(), 1);
  EXPECT_EQ(told.lines(0).name(), "b");
  EXPECT_EQ(told.version(), 2u);
  EXPECT_EQ(told.orphan_storage_class(), "mifid");
}

}  // namespace
}  // namespace turret::coordinator
