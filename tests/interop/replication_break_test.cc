// The coordinator stopped, killed and started, and the network cut, while audio is being replicated.
#include <filesystem>
#include <random>
#include <thread>

#include "gtest/gtest.h"
#include "tests/floor/floor.h"
#include "tests/interop/archive_truth.h"
#include "tests/interop/cluster.h"

namespace turret::test {
namespace {

constexpr int kBreaks = 10;

// One break at a seeded instant, of a seeded kind.
void Break(Cluster& cluster, std::mt19937_64& engine) {
  const auto pause = [&](int ms_max) {
    const absl::Duration until =
        Now() + absl::Milliseconds(static_cast<int64_t>(engine() % static_cast<uint64_t>(ms_max)));
    WaitUntil([&] { return Now() >= until; }, absl::Seconds(10));
  };
  pause(1200);
  switch (engine() % 3) {
    case 0:
      cluster.relay().Cut();
      pause(600);
      cluster.relay().Mend();
      break;
    case 1:
      EXPECT_EQ(cluster.StopCoordinator(), 0);
      pause(400);
      ASSERT_TRUE(cluster.StartCoordinator().ok());
      break;
    default:
      cluster.KillCoordinator();
      pause(400);
      ASSERT_TRUE(cluster.StartCoordinator().ok());
  }
}

class ReplicationBreakTest : public testing::TestWithParam<const char*> {};

// R14, C01: nothing acknowledged is lost, nothing is stored twice.
TEST_P(ReplicationBreakTest, TenBreaksAtSeededInstantsLoseNothingAndStoreNothingTwice) {
  const uint64_t seed = Seed(20261124);
  SCOPED_TRACE(SeedTrace(seed));
  std::mt19937_64 engine(seed);
  ClusterOptions options;
  options.enrolment = floor::EnrolmentYaml(3, GetParam());
  options.relay = true;
  auto cluster = Cluster::Start(options);
  ASSERT_TRUE(cluster.ok()) << cluster.status();

  floor::FloorOptions floor_options;
  floor_options.server = (*cluster)->sip_address();
  floor_options.traders = 3;
  floor_options.calls = 6;
  floor_options.call_length = absl::Seconds(12);
  floor_options.stagger = absl::Seconds(1);
  floor_options.speech = false;
  floor_options.seed = seed;
  absl::StatusOr<floor::FloorTruth> truth = absl::UnknownError("not run");
  std::thread floor_thread([&] { truth = floor::RunFloor(floor_options); });
  for (int i = 0; i < kBreaks; ++i) Break(**cluster, engine);
  floor_thread.join();
  ASSERT_TRUE(truth.ok()) << truth.status();
  ASSERT_TRUE((*cluster)->WaitUntilSettled(truth->calls.size(), absl::Seconds(60)));

  if (std::string(GetParam()) == "exact") ExpectEveryPayloadByte(**cluster, *truth);
  ExpectEveryDatagramAccounted(**cluster, *truth);
  ExpectVerified(**cluster);
  const auto calls = (*cluster)->CtlJson({"calls"});
  ASSERT_TRUE(calls.ok()) << calls.status();
  EXPECT_EQ(calls->size(), truth->calls.size());
}

INSTANTIATE_TEST_SUITE_P(Policies, ReplicationBreakTest, testing::Values("exact", "opus"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace turret::test
