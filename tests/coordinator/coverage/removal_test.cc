// Seeded days in which everything is evidenced, then the same days with one entry taken out of the ledger.
#include "coordinator/coverage/coverage.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/coordinator/coverage/floor_day.h"

namespace turret::coordinator {
namespace {

using test::Evidenced;
using test::FloorDay;
using test::kDayS;
using test::Seconds;

/// Days in one ledger, behind one enrolment.
class ManyDays {
 public:
  void Add(std::vector<IndexedEntry> day) {
    if (!ledger_.empty()) day.erase(day.begin());
    ledger_.insert(ledger_.end(), day.begin(), day.end());
  }
  void Apply() {
    for (size_t at = 0; at < ledger_.size(); ++at) ledger_[at].index = at;
    ASSERT_TRUE(index_->Apply(ledger_, Digest{}).ok());
  }
  v1::CoverageReport Books(int64_t begin_s) {
    v1::CoverageRequest request;
    request.set_line("LDN-EQ-014/1");
    request.set_day(UtcDay(absl::FromUnixSeconds(begin_s)));
    auto report = Coverage(*index_, request, absl::FromUnixSeconds(begin_s + 1000 * kDayS));
    EXPECT_TRUE(report.ok()) << report.status();
    return report.value_or(v1::CoverageReport());
  }

 private:
  std::vector<IndexedEntry> ledger_;
  test::FreshIndex index_;
};

Seconds Spread(const v1::ChannelCoverage& channel, int64_t begin_s) {
  Seconds seconds(kDayS, '?');
  for (const v1::CoverageKind& booked : channel.intervals()) {
    const char letter = booked.detail() == "edge" ? 'e' : booked.kind()[0];
    for (int64_t at = booked.interval().begin_utc_ns(); at < booked.interval().end_utc_ns();
         at += test::kSecondNs)
      seconds[static_cast<size_t>(at / test::kSecondNs - begin_s)] = letter;
  }
  return seconds;
}

/// Where they first differ, for a message that can be read.
std::string Difference(const Seconds& got, const Seconds& want) {
  for (size_t at = 0; at < want.size(); ++at)
    if (got[at] != want[at]) return fmt::format("second {}: got {}, want {}", at, got[at], want[at]);
  return "";
}

/// What must become of the day when the entry at `removed` is missing: what it evidenced is gap; idle seconds
/// that no call proves any more are gap; nothing else changes.
std::array<Seconds, 2> WithoutEntry(const FloorDay& day, size_t removed) {
  std::array<Seconds, 2> want = day.truth;
  for (const Evidenced& lost : day.evidence[removed])
    for (int64_t at = std::max<int64_t>(0, lost.begin_s - day.begin_s);
         at < std::min(kDayS, lost.end_s - day.begin_s); ++at)
      want[lost.channel][static_cast<size_t>(at)] = 'g';
  for (Seconds& channel : want) {
    for (int64_t at = 0; at < kDayS; ++at) {
      bool proven = false;
      for (const auto& [index, start_s] : day.starts) {
        const int64_t age_s = day.begin_s + at - start_s;
        proven |= index != removed && age_s >= 0 && age_s < day.proof_age_s;
      }
      if (channel[static_cast<size_t>(at)] == 'i' && !proven) channel[static_cast<size_t>(at)] = 'g';
    }
  }
  return want;
}

std::vector<IndexedEntry> Without(std::vector<IndexedEntry> ledger, size_t removed) {
  ledger.erase(ledger.begin() + static_cast<std::ptrdiff_t>(removed));
  return ledger;
}

// C01, C05.
TEST(CoverageOfADay, WholeDayIsBookedAsItWasWithoutErrorsOrUnknownTime) {
  const uint64_t seed = test::Seed(501);
  for (uint64_t round = 0; round < 5; ++round) {
    SCOPED_TRACE(test::SeedTrace(seed + round));
    FloorDay day(seed + round);
    ManyDays days;
    days.Add(day.entries.all());
    days.Apply();
    const v1::CoverageReport report = days.Books(day.begin_s);
    ASSERT_EQ(report.channels_size(), 2);
    for (int channel = 0; channel < 2; ++channel)
      EXPECT_EQ(
          Difference(Spread(report.channels(channel), day.begin_s), day.truth[static_cast<size_t>(channel)]),
          "");
    EXPECT_EQ(report.errors_size(), 0) << report.errors(0);
    for (const v1::ChannelCoverage& channel : report.channels()) {
      EXPECT_FALSE(channel.totals().gap_by_cause_ns().contains("unknown"));
      EXPECT_FALSE(channel.totals().gap_by_cause_ns().contains("unproven"));
      EXPECT_TRUE(channel.totals().gap_by_cause_ns().contains("node_down"));
      EXPECT_EQ(channel.totals().enrolled_ns(), kDayS * test::kSecondNs);
    }
    EXPECT_EQ(report.totals().enrolled_ns(), kDayS * test::kSecondNs);
  }
}

// C01: any entry removed turns its time into gap, never into idle.
TEST(CoverageOfADay, AnyEntryRemovedTurnsItsTimeIntoGapAndChangesNothingElse) {
  const uint64_t seed = test::Seed(502);
  for (uint64_t round = 0; round < 3; ++round) {
    SCOPED_TRACE(test::SeedTrace(seed + round));
    const size_t count = FloorDay(seed + round).entries.all().size();
    ManyDays days;
    for (size_t removed = 1; removed < count; ++removed)  // Entry 0 is the enrolment.
      days.Add(Without(FloorDay(seed + round, static_cast<int64_t>(removed)).entries.all(), removed));
    days.Apply();
    for (size_t removed = 1; removed < count; ++removed) {
      FloorDay day(seed + round, static_cast<int64_t>(removed));
      SCOPED_TRACE(fmt::format("without entry {}: {}", removed,
                               day.entries.all()[removed].body->fact().ShortDebugString()));
      const v1::CoverageReport report = days.Books(day.begin_s);
      const std::array<Seconds, 2> want = WithoutEntry(day, removed);
      for (int channel = 0; channel < 2; ++channel)
        ASSERT_EQ(
            Difference(Spread(report.channels(channel), day.begin_s), want[static_cast<size_t>(channel)]), "")
            << "channel " << channel;
      EXPECT_EQ(report.errors_size(), 0);
    }
  }
}

}  // namespace
}  // namespace turret::coordinator
