#include "coordinator/coverage/intervals.h"

#include <bitset>
#include <random>

#include "gtest/gtest.h"
#include "tests/support/support.h"

namespace turret::coordinator {
namespace {

using Bits = std::bitset<40>;

Bits ToBits(const IntervalSet& set) {
  Bits bits;
  for (const IntervalSet::Piece& piece : set.pieces())
    for (int64_t at = piece.begin_ns; at < piece.end_ns; ++at) bits.set(static_cast<size_t>(at));
  return bits;
}

void ExpectCanonical(const IntervalSet& set) {
  for (size_t at = 0; at < set.pieces().size(); ++at) {
    EXPECT_LT(set.pieces()[at].begin_ns, set.pieces()[at].end_ns);
    if (at > 0) EXPECT_GT(set.pieces()[at].begin_ns, set.pieces()[at - 1].end_ns);
  }
}

TEST(IntervalSet, AgreesWithASetOfBitsOverRandomIntervals) {
  const uint64_t seed = test::Seed(11);
  SCOPED_TRACE(test::SeedTrace(seed));
  std::mt19937_64 random(seed);
  const auto make = [&](Bits& bits) {
    std::vector<v1::Interval> list;
    for (uint64_t n = random() % 6; n > 0; --n) {
      const auto begin = static_cast<int64_t>(random() % 40), end = static_cast<int64_t>(random() % 41);
      list.push_back(MakeInterval(begin, end));
      for (int64_t at = begin; at < end; ++at) bits.set(static_cast<size_t>(at));
    }
    return IntervalSet::Of(list);
  };
  for (int round = 0; round < 5000; ++round) {
    Bits a_bits, b_bits;
    const IntervalSet a = make(a_bits), b = make(b_bits);
    ASSERT_EQ(ToBits(a), a_bits);
    ASSERT_EQ(ToBits(a.Union(b)), a_bits | b_bits);
    ASSERT_EQ(ToBits(a.Intersect(b)), a_bits & b_bits);
    ASSERT_EQ(ToBits(a.Subtract(b)), a_bits & ~b_bits);
    ASSERT_EQ(a.TotalNs(), static_cast<int64_t>(a_bits.count()));
    for (const IntervalSet& set : {a.Union(b), a.Intersect(b), a.Subtract(b)}) ExpectCanonical(set);
  }
}

}  // namespace
}  // namespace turret::coordinator
