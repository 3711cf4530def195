// Linked without a cipher: the search of at_rest_test.cc finds what it looks for.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/storage/index/at_rest.h"

namespace turret::test {
namespace {

using testing::IsEmpty;
using testing::Not;

TEST(IndexAtRestNullTest, TheSearchFindsNamesAndIds) {
  IndexAtRest index;
  EXPECT_THAT(index.FilesWith(IndexAtRest::kTrader), Not(IsEmpty()));
  EXPECT_THAT(index.FilesWith(IndexAtRest::kParty), Not(IsEmpty()));
  EXPECT_THAT(index.FilesWith(index.line().ToProto()), Not(IsEmpty()));
}

}  // namespace
}  // namespace turret::test
