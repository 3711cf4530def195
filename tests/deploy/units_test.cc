// The systemd units, read by systemd itself where it is installed.
#include <string>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

namespace turret {
namespace {

constexpr absl::Duration kTimeout = absl::Minutes(2);

class UnitsTest : public ::testing::TestWithParam<std::string> {
 protected:
  std::string Unit() const {
    return test::ReadFileOrEmpty(fmt::format("{}/deploy/systemd/{}.service", TURRET_SOURCE_DIR, GetParam()));
  }
};

TEST_P(UnitsTest, SystemdFindsNothingWrong) {
  const test::TemporaryFolder folder;
  std::string unit = Unit();
  ASSERT_FALSE(unit.empty());
  const std::string installed = "/usr/bin/" + GetParam();  // systemd looks whether it is there.
  const size_t at = unit.find(installed);
  ASSERT_NE(at, std::string::npos);
  unit.replace(at, installed.size(), "/bin/true");
  const std::string path = folder / (GetParam() + ".service");
  test::WriteFileOrDie(path, unit);
  const test::CommandResult verified =
      test::Run({"systemd-analyze", "verify", "--man=no", "--recursive-errors=no", path}, kTimeout);
  if (verified.exit_code == 127) GTEST_SKIP() << "no systemd-analyze here";
  EXPECT_EQ(verified.exit_code, 0) << verified.err;
  EXPECT_EQ(verified.err, "");
  // 0: nothing is exposed; 100: everything.
  const test::CommandResult exposed =
      test::Run({"systemd-analyze", "security", "--offline=yes", "--threshold=35", path}, kTimeout);
  EXPECT_EQ(exposed.exit_code, 0) << exposed.out << exposed.err;
}

TEST_P(UnitsTest, IsReadyWhenTheProgramSaysSoAndIsStartedAgainForEver) {
  const std::string unit = Unit();
  for (const char* const setting :
       {"Type=notify", "NotifyAccess=main", "Restart=always", "StartLimitIntervalSec=0",
        "LimitMEMLOCK=infinity", "LimitCORE=0", "NoNewPrivileges=yes", "ProtectSystem=strict"})
    EXPECT_NE(unit.find(fmt::format("\n{}\n", setting)), std::string::npos) << setting;
}

INSTANTIATE_TEST_SUITE_P(Units, UnitsTest, ::testing::Values("turret-node", "turret-coordinator"),
                         [](const auto& info) {
                           return info.param == "turret-node" ? "Node" : "Coordinator";
                         });

// R11: a restart is no stop; the sockets and the key outlive the process.
TEST(NodeUnit, ARestartLeavesTheCallsRunning) {
  const std::string unit =
      test::ReadFileOrEmpty(std::string(TURRET_SOURCE_DIR) + "/deploy/systemd/turret-node.service");
  for (const char* const setting : {"RestartKillSignal=SIGUSR2", "KillSignal=SIGTERM",
                                    "FileDescriptorStoreMax=16384", "RuntimeDirectoryPreserve=yes"})
    EXPECT_NE(unit.find(fmt::format("\n{}\n", setting)), std::string::npos) << setting;
}

}  // namespace
}  // namespace turret
