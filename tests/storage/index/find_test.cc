#include "gmock/gmock.h"
#include "tests/storage/index/entries.h"

namespace turret::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FindTest : public ::testing::Test {
 protected:
  CallId AddCall(int64_t start_ns, const std::vector<LineId>& lines, const std::string& name,
                 const std::string& aor) {
    const CallId call = entries_.Make<CallId>();
    v1::CallStarted& started = entries_.AddStarted(call, start_ns, lines);
    v1::Party& party = *started.add_parties();
    party.set_name(name);
    party.set_aor(aor);
    return call;
  }
  std::vector<CallId> Find(const CallQuery& query) {
    auto found = index_->Find(query);
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? *found : std::vector<CallId>{};
  }
  void Enrol(uint64_t version, int64_t effective_ns, const std::string& trader) {
    *entries_.AddEnrolment(version, effective_ns).add_lines() = MakeLine(line_, "LDN-1", trader);
  }

  Entries entries_{1};
  FreshIndex index_;
  const LineId line_ = entries_.Make<LineId>();
  const LineId other_line_ = entries_.Make<LineId>();
};

TEST_F(FindTest, PartyIsFoundByNameNumberAndWholeAddress) {
  const CallId call = AddCall(5, {line_}, "Bea Barnes", "sip:+442079460011@x");
  AddCall(6, {line_}, "Someone Else", "sip:+442079460012@x");
  ASSERT_TRUE(entries_.ApplyTo(*index_).ok());
  for (const char* party : {"+44 20 7946 0011", "sip:+442079460011@x", "bea BARNES", "442079460011"})
    EXPECT_THAT(Find({.party = party}), ElementsAre(call)) << party;
  for (const char* party : {"sip:+442079460011@y", "bea", "7946 0011"})
    EXPECT_THAT(Find({.party = party}), IsEmpty()) << party;
}

TEST_F(FindTest, PartyOfALaterUpdateIsFound) {
  const CallId call = AddCall(5, {line_}, "Bea Barnes", "");
  entries_.AddFact(call).mutable_call_updated()->add_parties()->set_name("Carl Cole");
  ASSERT_TRUE(entries_.ApplyTo(*index_).ok());
  EXPECT_THAT(Find({.party = "carl cole"}), ElementsAre(call));
}

TEST_F(FindTest, PartyOfAnUpdateThatCameBeforeTheStartIsFound) {
  const CallId call = entries_.Make<CallId>();
  entries_.AddFact(call).mutable_call_updated()->add_parties()->set_name("Carl Cole");
  entries_.AddStarted(call, 5);
  ASSERT_TRUE(entries_.ApplyTo(*index_).ok());
  EXPECT_THAT(Find({.party = "carl cole"}), ElementsAre(call));
}

// C04: a line that changed hands is found under its holder of the time.
TEST_F(FindTest, TraderIsWhoHeldTheLineWhenTheCallBegan) {
  Enrol(1, 0, "Ada Ashdown");
  const CallId early = AddCall(50, {line_}, "", "");
  Enrol(2, 100, "Bob Birch");
  const CallId late = AddCall(150, {line_}, "", "");
  const CallId told_late = AddCall(99, {line_}, "", "");
  ASSERT_TRUE(entries_.ApplyTo(*index_).ok());
  EXPECT_THAT(Find({.trader = "ada ashdown"}), ElementsAre(early, told_late));
  EXPECT_THAT(Find({.trader = "Bob Birch"}), ElementsAre(late));
}

TEST_F(FindTest, AllConditionsMustHoldAndCallsComeByStart) {
  Enrol(1, 0, "Ada");
  const CallId third = AddCall(30, {line_}, "X", "");
  const CallId first = AddCall(10, {line_}, "X", "");
  const CallId second = AddCall(20, {line_, other_line_}, "X", "");
  AddCall(15, {other_line_}, "X", "");
  AddCall(16, {line_}, "Y", "");
  ASSERT_TRUE(entries_.ApplyTo(*index_).ok());
  CallQuery query{.trader = "ada", .line = line_, .party = "x"};
  EXPECT_THAT(Find(query), ElementsAre(first, second, third));
  query.limit = 2;
  EXPECT_THAT(Find(query), ElementsAre(first, second));
  query.line = other_line_;
  EXPECT_THAT(Find(query), ElementsAre(second));
}

TEST_F(FindTest, IntervalIsHalfOpen) {
  const CallId first = AddCall(10, {}, "", "");
  const CallId second = AddCall(20, {}, "", "");
  ASSERT_TRUE(entries_.ApplyTo(*index_).ok());
  const auto at = [](int64_t ns) { return absl::FromUnixNanos(ns); };
  EXPECT_THAT(Find({.from = at(10), .until = at(20)}), ElementsAre(first));
  EXPECT_THAT(Find({.from = at(11), .until = at(21)}), ElementsAre(second));
  EXPECT_THAT(Find({}), ElementsAre(first, second));
  EXPECT_THAT(Find({.from = at(20), .until = at(10)}), IsEmpty());
}

// A random floor; every combination of conditions against a plain filter.
TEST_F(FindTest, AgreesWithAPlainFilterOverRandomCalls) {
  const uint64_t seed = Seed(20261124);
  SCOPED_TRACE(SeedTrace(seed));
  std::mt19937_64 random(seed);
  struct Truth {
    int64_t start;
    CallId call;
    bool on_line, on_other;
    std::string party;
  };
  std::vector<Truth> truth;
  for (int n = 0; n < 300; ++n) {
    Truth call{.start = static_cast<int64_t>(random() % 100),
               .call = {},
               .on_line = random() % 2 == 0,
               .on_other = random() % 3 == 0,
               .party = random() % 2 == 0 ? "x" : "y"};
    std::vector<LineId> lines;
    if (call.on_line) lines.push_back(line_);
    if (call.on_other) lines.push_back(other_line_);
    call.call = AddCall(call.start, lines, call.party, "");
    truth.push_back(call);
  }
  std::sort(truth.begin(), truth.end(), [](const Truth& a, const Truth& b) {
    return std::pair(a.start, a.call) < std::pair(b.start, b.call);
  });
  ASSERT_TRUE(entries_.ApplyTo(*index_).ok());
  for (int n = 0; n < 200; ++n) {
    CallQuery query{.from = absl::FromUnixNanos(random() % 100),
                    .until = absl::FromUnixNanos(random() % 120)};
    if (random() % 2 == 0) query.party = random() % 2 == 0 ? "x" : "y";
    const int which_line = static_cast<int>(random() % 3);
    if (which_line > 0) query.line = which_line == 1 ? line_ : other_line_;
    query.limit = 1 + random() % 100;
    std::vector<CallId> want;
    for (const Truth& call : truth) {
      const absl::Time start = absl::FromUnixNanos(call.start);
      if (start >= query.from && start < query.until && (query.party.empty() || query.party == call.party) &&
          (which_line == 0 || (which_line == 1 ? call.on_line : call.on_other)) && want.size() < query.limit)
        want.push_back(call.call);
    }
    ASSERT_EQ(Find(query), want) << "query " << n;
  }
}

}  // namespace
}  // namespace turret::test
