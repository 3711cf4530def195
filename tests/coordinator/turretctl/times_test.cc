#include "coordinator/turretctl/times.h"

#include <numeric>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace turret::turretctl {
namespace {

using ::testing::ElementsAre;

const absl::Time kNow = absl::FromUnixSeconds(1'795'510'923);  // 2026-11-24 09:02:03 UTC

std::string Parsed(std::string_view text) {
  const absl::StatusOr<absl::Time> time = ParseTime(text, kNow);
  return time.ok() ? Rfc3339(absl::ToUnixNanos(*time))
                   : std::string(absl::StatusCodeToString(time.status().code()));
}

TEST(ParseTime, TakesWhatPeopleWrite) {
  EXPECT_EQ(Parsed("now"), "2026-11-24T09:02:03.000000000Z");
  EXPECT_EQ(Parsed("today"), "2026-11-24T00:00:00.000000000Z");
  EXPECT_EQ(Parsed("yesterday"), "2026-11-23T00:00:00.000000000Z");
  EXPECT_EQ(Parsed("-2h"), "2026-11-24T07:02:03.000000000Z");
  EXPECT_EQ(Parsed("-1h30m"), "2026-11-24T07:32:03.000000000Z");
  EXPECT_EQ(Parsed("-3d"), "2026-11-21T09:02:03.000000000Z");
  EXPECT_EQ(Parsed("-1d12h"), "2026-11-22T21:02:03.000000000Z");
  EXPECT_EQ(Parsed("2026-11-24"), "2026-11-24T00:00:00.000000000Z");
  EXPECT_EQ(Parsed("2026-11-24 09:30"), "2026-11-24T09:30:00.000000000Z");
  EXPECT_EQ(Parsed("2026-11-24 09:30:01.25"), "2026-11-24T09:30:01.250000000Z");
  EXPECT_EQ(Parsed("2026-11-24T09:30:01.123456789Z"), "2026-11-24T09:30:01.123456789Z");
  EXPECT_EQ(Parsed("2026-11-24T09:30:00+01:00"), "2026-11-24T08:30:00.000000000Z");
  EXPECT_EQ(Parsed("2026-11-24T09:30"), "2026-11-24T09:30:00.000000000Z");
}

TEST(ParseTime, RefusesTheRestAndSaysWhatItTakes) {
  for (const char* text : {"", "soon", "2h", "-h", "--2h", "-2", "-d", "-2d-1h", "2026-13-01", "24.11.2026",
                           "inf", "-inf", "infinite-past", "-infh", "2026-11-24T25:00:00Z"})
    EXPECT_EQ(Parsed(text), "INVALID_ARGUMENT") << text;
  EXPECT_THAT(std::string(ParseTime("soon", kNow).status().message()),
              ::testing::HasSubstr("2026-11-24T09:30:00Z"));
}

TEST(ParseDay, IsTheDayInUtc) {
  EXPECT_EQ(*ParseDay("today", kNow), "2026-11-24");
  EXPECT_EQ(*ParseDay("yesterday", kNow), "2026-11-23");
  EXPECT_EQ(*ParseDay("2026-11-24T00:30:00+01:00", kNow), "2026-11-23");
}

TEST(Show, TimesAreUtcWithMilliseconds) {
  EXPECT_EQ(ShowTime(1'795'510'923'123'999'999), "2026-11-24 09:02:03.123");
  EXPECT_EQ(ShowTime(0), "-");
  EXPECT_EQ(ShowDuration(192'345'678'901), "00:03:12.345");
  EXPECT_EQ(ShowDuration(86'400'000'000'000), "24:00:00.000");
  EXPECT_EQ(ShowDuration(-1'500'000'000), "-00:00:01.500");
}

TEST(RoundToMilliseconds, WhatIsShownAddsUpToWhatIsShown) {
  EXPECT_THAT(RoundToMilliseconds({1'600'000, 1'600'000, 800'000, 0}, 4'000'000),
              ElementsAre(2'000'000, 1'000'000, 1'000'000, 0));
  EXPECT_THAT(RoundToMilliseconds({999'999, 1}, 1'000'000), ElementsAre(1'000'000, 0));
  uint64_t seed = 1;
  for (int round = 0; round < 200; ++round) {
    std::vector<int64_t> parts;
    for (int i = 0; i < 4; ++i)
      parts.push_back(static_cast<int64_t>((seed = seed * 6364136223846793005U + 1) >> 20));
    const int64_t exact = std::accumulate(parts.begin(), parts.end(), int64_t{0});
    const std::vector<int64_t> shown = RoundToMilliseconds(parts, exact);
    EXPECT_EQ(std::accumulate(shown.begin(), shown.end(), int64_t{0}), exact / 1'000'000 * 1'000'000);
    for (size_t i = 0; i < parts.size(); ++i) EXPECT_LT(std::abs(shown[i] - parts[i]), 1'000'000);
  }
}

}  // namespace
}  // namespace turret::turretctl
