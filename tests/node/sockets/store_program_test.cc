// turret-socket-store as it is run, with a small program in turret-node's place.
#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <sstream>

#include "gtest/gtest.h"
#include "node/sockets/descriptor.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

namespace turret::node {
namespace {

namespace fs = std::filesystem;
using test::CommandResult;
using test::Process;
using test::ReadFileOrEmpty;
using test::WaitUntil;

constexpr absl::Duration kTimeout = absl::Seconds(60);

std::string Binary(const std::string& name) { return std::string(TURRET_BINARY_DIR) + "/" + name; }

class StoreProgramTest : public ::testing::Test {
 protected:
  void Start(const std::string& mode, const std::string& store = Binary("turret-socket-store")) {
    auto started =
        Process::Start({store, "--", Binary("sockets_test_program"), folder_.path(), mode}, folder_ / "log");
    ASSERT_TRUE(started.ok()) << started.status();
    store_ = *std::move(started);
  }
  /// One for each start of the program: its pid, and the names that were passed to it.
  std::vector<std::string> Lines(const std::string& file) const {
    std::vector<std::string> lines;
    std::istringstream text(ReadFileOrEmpty(folder_ / file));
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    return lines;
  }
  bool WaitForLines(const std::string& file, size_t count) const {
    return WaitUntil([&] { return Lines(file).size() >= count; }, kTimeout);
  }
  pid_t ChildOf(size_t start) const { return std::stoi(Lines("starts").at(start)); }
  std::string PassedAt(size_t start) const {
    const std::string line = Lines("starts").at(start);
    return line.substr(line.find(' ') == std::string::npos ? line.size() : line.find(' ') + 1);
  }
  void Send(const std::string& text) const {
    const Descriptor from(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const sockaddr_in to{.sin_family = AF_INET,
                         .sin_port = htons(static_cast<uint16_t>(std::stoi(Lines("ports").at(0)))),
                         .sin_addr = {htonl(INADDR_LOOPBACK)}};
    ASSERT_EQ(
        sendto(from.get(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to),
        static_cast<ssize_t>(text.size()));
  }
  std::string Log() const { return ReadFileOrEmpty(folder_ / "log"); }

  test::TemporaryFolder folder_;
  std::unique_ptr<Process> store_;
};

// R11. Nothing that is sent while the program does not run is refused or lost.
TEST_F(StoreProgramTest, AKilledProgramIsStartedAgainWithItsSocketAndWhatCameMeanwhile) {
  Start("serve");
  ASSERT_TRUE(WaitForLines("ports", 1)) << Log();
  EXPECT_EQ(PassedAt(0), "");
  Send("before");
  ASSERT_TRUE(WaitForLines("received", 1));
  kill(ChildOf(0), SIGSTOP);  // From here on nobody reads.
  Send("meanwhile 1");
  Send("meanwhile 2");
  kill(ChildOf(0), SIGKILL);
  ASSERT_TRUE(WaitForLines("starts", 2)) << Log();
  EXPECT_EQ(PassedAt(1), "20000");
  Send("after");
  ASSERT_TRUE(WaitForLines("received", 4)) << Log();
  EXPECT_EQ(Lines("received"), (std::vector<std::string>{"before", "meanwhile 1", "meanwhile 2", "after"}));
  kill(ChildOf(1), SIGKILL);
  ASSERT_TRUE(WaitForLines("starts", 3));
  EXPECT_EQ(PassedAt(2), "20000");
  EXPECT_TRUE(store_->running());
}

TEST_F(StoreProgramTest, SigtermGoesToTheProgramAndItsExitCodeIsTheStores) {
  Start("serve");
  ASSERT_TRUE(WaitForLines("ports", 1)) << Log();
  store_->Signal(SIGTERM);
  EXPECT_EQ(store_->Wait(kTimeout), 7);
  EXPECT_EQ(Lines("starts").size(), 1u);
}

TEST_F(StoreProgramTest, AProgramThatNeverCameUpIsNotStartedAgain) {
  Start("fail");
  EXPECT_EQ(store_->Wait(kTimeout), 3);
  EXPECT_EQ(Lines("starts").size(), 1u);
  const CommandResult missing = test::Run({Binary("turret-socket-store"), "--", "/nowhere/turret-node"});
  EXPECT_EQ(missing.exit_code, 127);
  EXPECT_NE(missing.err.find("cannot start /nowhere/turret-node: No such file"), std::string::npos)
      << missing.err;
}

// 0, 100, 200, 400 ms: the fifth start comes 700 ms after the first at the earliest.
TEST_F(StoreProgramTest, WhoDiesAtOnceIsStartedAgainAfterAWaitThatGrows) {
  const absl::Duration begin = test::Now();
  Start("crash");
  ASSERT_TRUE(WaitForLines("starts", 5)) << Log();
  EXPECT_GE(test::Now() - begin, absl::Milliseconds(700));
  store_->Signal(SIGTERM);  // Also while nothing runs, or only just.
  EXPECT_NE(store_->Wait(kTimeout), -1);
}

TEST_F(StoreProgramTest, UpgradeReplacesBothProgramsInPlaceAndLosesNothing) {
  const std::string path = folder_ / "turret-socket-store";
  fs::copy_file(Binary("turret-socket-store"), path);
  Start("serve", path);
  ASSERT_TRUE(WaitForLines("ports", 1)) << Log();
  std::vector<std::string> sent;
  for (size_t upgrade = 1; upgrade <= 3; ++upgrade) {
    fs::copy_file(Binary("turret-socket-store"), path + ".new");
    fs::rename(path + ".new", path);
    struct stat fresh {};
    ASSERT_EQ(stat(path.c_str(), &fresh), 0);
    store_->Signal(SIGHUP);
    sent.push_back("during " + std::to_string(upgrade));
    Send(sent.back());
    ASSERT_TRUE(WaitForLines("ports", upgrade + 1)) << Log();
    struct stat running {};
    ASSERT_EQ(stat(("/proc/" + std::to_string(store_->pid()) + "/exe").c_str(), &running), 0);
    EXPECT_EQ(running.st_ino, fresh.st_ino);
    EXPECT_EQ(PassedAt(upgrade), "20000");
    EXPECT_NE(ChildOf(upgrade), ChildOf(upgrade - 1));
  }
  ASSERT_TRUE(WaitForLines("received", sent.size())) << Log();
  EXPECT_EQ(Lines("received"), sent);
  EXPECT_TRUE(store_->running());
}

TEST_F(StoreProgramTest, AStoreThatCannotBecomeTheNewOneGoesOnAsItIs) {
  const std::string path = folder_ / "turret-socket-store";
  fs::copy_file(Binary("turret-socket-store"), path);
  Start("serve", path);
  ASSERT_TRUE(WaitForLines("ports", 1)) << Log();
  fs::remove(path);
  store_->Signal(SIGHUP);
  ASSERT_TRUE(WaitForLines("ports", 2)) << Log();
  EXPECT_EQ(PassedAt(1), "20000");
  EXPECT_NE(Log().find("cannot become"), std::string::npos);
  Send("still here");
  EXPECT_TRUE(WaitForLines("received", 1));
}

TEST_F(StoreProgramTest, WhoDoesNotLeaveIsKilledAfter5SecondsAndTheUpgradeGoesOn) {
  Start("deaf");
  ASSERT_TRUE(WaitForLines("ports", 1)) << Log();
  store_->Signal(SIGHUP);
  ASSERT_TRUE(WaitForLines("ports", 2)) << Log();
  EXPECT_NE(Log().find("did not leave in time"), std::string::npos);
  EXPECT_EQ(PassedAt(1), "20000");
  store_.reset();
  kill(ChildOf(1), SIGKILL);  // It would not hear that the store is gone either.
}

TEST_F(StoreProgramTest, TheProgramLeavesWhenTheStoreIsKilled) {
  Start("serve");
  ASSERT_TRUE(WaitForLines("ports", 1)) << Log();
  store_->Signal(SIGKILL);
  EXPECT_TRUE(WaitUntil(
      [&] {
        return kill(ChildOf(0), 0) != 0 ||
               ReadFileOrEmpty("/proc/" + std::to_string(ChildOf(0)) + "/stat").find(") Z") !=
                   std::string::npos;
      },
      kTimeout));
}

TEST(StoreProgram, HelpSaysWhatItsSignalsDoAndNoProgramIsAnError) {
  const CommandResult help = test::Run({Binary("turret-socket-store"), "--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* const word : {"PROGRAM", "SIGHUP", "SIGTERM", "upgrade"})
    EXPECT_NE(help.out.find(word), std::string::npos) << word;
  EXPECT_NE(test::Run({Binary("turret-socket-store")}).exit_code, 0);
}

// A real peer of LISTEN_FDS, where it is installed: it waits for a datagram and then starts its program.
TEST_F(StoreProgramTest, WhatSystemdPassesIsTakenWithItsName) {
  const uint32_t own = 0x7F400000U | (static_cast<uint32_t>(getpid()) & 0x3FFFFFU);  // Of this process alone.
  const sockaddr_in to{.sin_family = AF_INET, .sin_port = htons(20000), .sin_addr = {htonl(own)}};
  const std::string address = std::string(inet_ntoa(to.sin_addr)) + ":20000";
  auto systemd = Process::Start({"systemd-socket-activate", "--datagram", "-l", address, "--fdname=20000",
                                 Binary("sockets_test_program"), folder_.path(), "serve"},
                                folder_ / "log");
  ASSERT_TRUE(systemd.ok());
  const Descriptor from(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(WaitUntil(
      [&] {
        (void)!sendto(from.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
        return !Lines("received").empty() || !(*systemd)->running();
      },
      kTimeout))
      << Log();
  if (!(*systemd)->running() && (*systemd)->Wait(kTimeout) == 127)
    GTEST_SKIP() << "no systemd-socket-activate here";
  EXPECT_EQ(PassedAt(0), "20000");
  EXPECT_EQ(Lines("received").at(0), "x");
}

}  // namespace
}  // namespace turret::node
