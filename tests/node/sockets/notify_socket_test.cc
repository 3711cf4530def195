#include "node/sockets/notify_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>

#include "gtest/gtest.h"
#include "monitoring/service_manager.h"
#include "tests/support/process.h"
#include "tests/support/support.h"

namespace turret::node {
namespace {

ino_t InodeOf(int fd) {
  struct stat status {};
  EXPECT_EQ(fstat(fd, &status), 0);
  return status.st_ino;
}

// Names and keys as sd_notify(3) and sd_pid_notify_with_fds(3) have them.
TEST(NotificationTest, OnlyWholeLinesThatAreOursCount) {
  const Notification stored = ParseNotification("FDSTORE=1\nFDPOLL=0\nFDNAME=20000\n");
  EXPECT_TRUE(stored.store);
  EXPECT_FALSE(stored.store_remove);
  EXPECT_EQ(stored.name, "20000");
  const Notification removed = ParseNotification("FDSTOREREMOVE=1\nFDNAME=20000");
  EXPECT_TRUE(removed.store_remove);
  EXPECT_FALSE(removed.store);
  EXPECT_TRUE(ParseNotification("STATUS=up\nREADY=1").ready);
  EXPECT_FALSE(ParseNotification("STATUS=READY=1\nREADY=10").ready);
  EXPECT_EQ(ParseNotification("").name, "");
}

TEST(NotificationTest, ANameThatIsNoneIsPassedOver) {
  for (const std::string& name : {std::string(), std::string("a:b"), std::string("a\x01"),
                                  std::string(256, 'x'), std::string("\xC3\xA9")})
    EXPECT_EQ(ParseNotification("FDSTORE=1\nFDNAME=" + name).name, "") << name;
  EXPECT_EQ(ParseNotification("FDNAME=" + std::string(255, 'x')).name, std::string(255, 'x'));
}

TEST(NotifySocketTest, WhatIsSentArrivesWithItsDescriptorsAndItsSender) {
  auto socket = NotifySocket::Create();
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_FALSE(socket->Receive().has_value());
  const ServiceManager manager(socket->address());
  std::array<int, 2> pair{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  ASSERT_TRUE(manager.Send("FDSTORE=1\nFDNAME=20000\n", pair).ok());
  ASSERT_TRUE(manager.Send("READY=1").ok());
  const auto first = socket->Receive();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->sender, getpid());
  EXPECT_EQ(first->what.name, "20000");
  ASSERT_EQ(first->descriptors.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_NE(first->descriptors[i].get(), pair[i]);
    EXPECT_EQ(InodeOf(first->descriptors[i].get()), InodeOf(pair[i]));
    close(pair[i]);
  }
  const auto second = socket->Receive();
  ASSERT_TRUE(second.has_value());
  EXPECT_TRUE(second->what.ready);
  EXPECT_TRUE(second->descriptors.empty());
}

TEST(NotifySocketTest, AManagerThatDoesNotReadMakesNobodyWait) {
  auto socket = NotifySocket::Create();
  ASSERT_TRUE(socket.ok());
  const ServiceManager manager(socket->address());
  absl::Status said;
  for (int i = 0; said.ok() && i < 100'000; ++i) said = manager.Send("STATUS=x");
  EXPECT_TRUE(absl::IsUnavailable(said)) << said;
}

TEST(ServiceManagerTest, WithoutOneNothingIsSentAndAGoneOneIsTold) {
  EXPECT_TRUE(ServiceManager("").Send("READY=1").ok());
  std::string address;
  {
    auto socket = NotifySocket::Create();
    ASSERT_TRUE(socket.ok());
    address = socket->address();
  }
  EXPECT_TRUE(absl::IsUnavailable(ServiceManager(address).Send("READY=1")));
  EXPECT_TRUE(absl::IsInvalidArgument(ServiceManager("/" + std::string(200, 'x')).Send("READY=1")));
}

// A real peer, where it is installed. It ends when the descriptor that it sends last is closed: BARRIER=1.
TEST(NotifySocketTest, UnderstandsSystemdNotify) {
  auto socket = NotifySocket::Create();
  ASSERT_TRUE(socket.ok());
  const test::TemporaryFolder folder;
  setenv("NOTIFY_SOCKET", socket->address().c_str(), 1);
  auto systemd = test::Process::Start({"systemd-notify", "--ready", "--status=going up"}, folder / "log");
  unsetenv("NOTIFY_SOCKET");
  ASSERT_TRUE(systemd.ok());
  bool ready = false;
  ASSERT_TRUE(test::WaitUntil(
      [&] {
        while (const auto received = socket->Receive()) ready = ready || received->what.ready;
        return !(*systemd)->running();
      },
      absl::Seconds(60)));
  const int exit_code = (*systemd)->Wait(absl::Seconds(1));
  if (exit_code == 127) GTEST_SKIP() << "no systemd-notify here";
  EXPECT_EQ(exit_code, 0) << test::ReadFileOrEmpty(folder / "log");
  EXPECT_TRUE(ready);
}

}  // namespace
}  // namespace turret::node
