// Which ports there are for media, what the kernel does with them, and how much their sockets hold.
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "node/receive/ephemeral_ports.h"
#include "node/receive/media_socket.h"
#include "node/receive/port_pool.h"

namespace turret::node {
namespace {

TEST(MediaSocketTest, ABufferThatHoldsLessThan5SecondsOfG711IsWarnedOf) {
  EXPECT_EQ(WarnOfSmallBuffer(2 * 1024 * 1024), "");
  EXPECT_EQ(WarnOfSmallBuffer(576'000), "");
  // Twice net.core.rmem_max as Debian has it.
  EXPECT_THAT(WarnOfSmallBuffer(425'984),
              AllOf(::testing::HasSubstr("3.7 s"), ::testing::HasSubstr("576000")));
}

TEST(EphemeralPortsTest, MediaPortsInThemAreWarnedOf) {
  const auto ephemeral = ParsePortRange("32768\t60999\n");
  ASSERT_TRUE(ephemeral.has_value());
  EXPECT_EQ(WarnOfEphemeralPorts({20000, 31999}, *ephemeral), "");
  EXPECT_EQ(WarnOfEphemeralPorts({61000, 65535}, *ephemeral), "");
  EXPECT_THAT(WarnOfEphemeralPorts({30000, 40000}, *ephemeral), ::testing::HasSubstr("30000 to 40000"));
  EXPECT_NE(WarnOfEphemeralPorts({60999, 65535}, *ephemeral), "");
  for (const char* const text : {"", "32768", "a b", "5 4", "1 2 3", "1 70000"})
    EXPECT_FALSE(ParsePortRange(text).has_value()) << text;
}

TEST(PortPoolTest, GivesEvenPortsWithTheirNeighbourInRange) {
  PortPool pool(101, 106, absl::Seconds(1));
  EXPECT_EQ(pool.Take(absl::ZeroDuration()), 102);
  EXPECT_EQ(pool.Take(absl::ZeroDuration()), 104);
  EXPECT_EQ(pool.Take(absl::ZeroDuration()), std::nullopt);
  PortPool last(65534, 65535, absl::Seconds(1));
  EXPECT_EQ(last.Take(absl::ZeroDuration()), 65534);
  EXPECT_EQ(last.Take(absl::ZeroDuration()), std::nullopt);
}

}  // namespace
}  // namespace turret::node
