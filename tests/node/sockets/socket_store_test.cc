#include "node/sockets/socket_store.h"

#include <fcntl.h>

#include "gtest/gtest.h"

namespace turret::node {
namespace {

int OpenSomething() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

NotifySocket::Received Message(std::string_view text, std::vector<int> descriptors = {}) {
  NotifySocket::Received received;
  received.what = ParseNotification(text);
  for (const int fd : descriptors) received.descriptors.emplace_back(fd);
  return received;
}

std::vector<std::string> NamesOf(const SocketStore& store) {
  std::vector<std::string> names;
  for (const NamedDescriptor& each : store.kept()) names.push_back(each.name);
  return names;
}

TEST(SocketStoreTest, KeepsAllOfANameAndClosesThemTogether) {
  SocketStore store({});
  const int a = OpenSomething();
  const int b = OpenSomething();
  const int other = OpenSomething();
  ASSERT_TRUE(store.Apply(Message("FDSTORE=1\nFDNAME=20000", {a, b})).ok());
  ASSERT_TRUE(store.Apply(Message("FDSTORE=1\nFDNAME=20002", {other})).ok());
  EXPECT_EQ(NamesOf(store), (std::vector<std::string>{"20000", "20000", "20002"}));
  EXPECT_TRUE(IsOpen(a) && IsOpen(b));
  ASSERT_TRUE(store.Apply(Message("FDSTOREREMOVE=1\nFDNAME=20000")).ok());
  EXPECT_EQ(NamesOf(store), std::vector<std::string>{"20002"});
  EXPECT_FALSE(IsOpen(a) || IsOpen(b));
  EXPECT_TRUE(IsOpen(other));
}

TEST(SocketStoreTest, WhatComesWithAnythingElseIsClosed) {
  SocketStore store({});
  const int with_ready = OpenSomething();
  ASSERT_TRUE(store.Apply(Message("READY=1", {with_ready})).ok());
  const int with_removal = OpenSomething();
  ASSERT_TRUE(store.Apply(Message("FDSTORE=1\nFDSTOREREMOVE=1\nFDNAME=x", {with_removal})).ok());
  EXPECT_FALSE(IsOpen(with_ready) || IsOpen(with_removal));
  EXPECT_TRUE(store.kept().empty());
}

TEST(SocketStoreTest, WithoutANameItIsStoredAndARemovalWithoutOneRemovesNothing) {
  SocketStore store({});
  ASSERT_TRUE(store.Apply(Message("FDSTORE=1", {OpenSomething()})).ok());
  EXPECT_EQ(NamesOf(store), std::vector<std::string>{"stored"});
  ASSERT_TRUE(store.Apply(Message("FDSTOREREMOVE=1")).ok());
  EXPECT_EQ(store.kept().size(), 1u);
}

// What does not fit into LISTEN_FDNAMES would keep the program from being started at all.
TEST(SocketStoreTest, TakesNoMoreNamesThanTheEnvironmentHolds) {
  SocketStore store({});
  const std::string name(255, 'n');
  absl::Status applied;
  size_t taken = 0;
  for (; applied.ok() && taken < 1000; ++taken)
    applied = store.Apply(Message("FDSTORE=1\nFDNAME=" + name, {OpenSomething()}));
  EXPECT_TRUE(absl::IsResourceExhausted(applied));
  EXPECT_EQ(store.kept().size(), kPassedNamesBytesMax / 256);
}

}  // namespace
}  // namespace turret::node
