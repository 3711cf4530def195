#include "node/sockets/kept_sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "fmt/format.h"
#include "gtest/gtest.h"
#include "tests/node/sockets/local_store.h"

namespace turret::node {
namespace {

// An address of 127.0.0.0/8 that is this process's own, so that tests that run side by side share no ports.
uint32_t OwnAddress() { return htonl(0x7F400000U | (static_cast<uint32_t>(getpid()) & 0x3FFFFFU)); }

Descriptor BoundTo(uint16_t port) {
  Descriptor made(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in at{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {OwnAddress()}};
  EXPECT_EQ(bind(made.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
  return made;
}

class KeptSocketsTest : public ::testing::Test {
 protected:
  test::LocalStore store_;
};

TEST_F(KeptSocketsTest, APairComesBackToTheNextProcessUntilItIsRemoved) {
  {
    KeptSockets kept(store_.manager(), {});
    const Descriptor rtp = BoundTo(20000);
    const Descriptor rtcp = BoundTo(20001);
    kept.Store(20000, rtp.get(), rtcp.get());
    EXPECT_EQ(store_.Deliver(), 1);
  }
  KeptSockets next(store_.manager(), store_.Pass());
  EXPECT_FALSE(next.Take(20002).rtp.valid());
  const MediaPair pair = next.Take(20000);
  EXPECT_TRUE(pair.rtp.valid() && pair.rtcp.valid());
  EXPECT_FALSE(next.Take(20000).rtp.valid());
  EXPECT_EQ(next.CloseUnclaimed(), 0u);
  EXPECT_EQ(store_.Deliver(), 0);  // It stays where it is.
  EXPECT_EQ(store_.kept().size(), 2u);
  next.Remove(20000);
  store_.Deliver();
  EXPECT_TRUE(store_.kept().empty());
}

TEST_F(KeptSocketsTest, WhatNobodyTakesIsClosedHereAndThere) {
  const Descriptor rtp = BoundTo(20000);
  const Descriptor rtcp = BoundTo(20001);
  KeptSockets(store_.manager(), {}).Store(20000, rtp.get(), rtcp.get());
  store_.Deliver();
  std::vector<NamedDescriptor> passed = store_.Pass();
  const int copy = passed[0].descriptor.get();
  KeptSockets next(store_.manager(), std::move(passed));
  EXPECT_EQ(next.CloseUnclaimed(), 1u);
  EXPECT_LT(fcntl(copy, F_GETFD), 0);
  store_.Deliver();
  EXPECT_TRUE(store_.kept().empty());
  EXPECT_FALSE(next.Take(20000).rtp.valid());
}

TEST_F(KeptSocketsTest, WhatTheStoreDoesNotTakeAtOnceIsSaidAgainInOrder) {
  while (store_.manager().Send("STATUS=x").ok()) {
  }
  KeptSockets kept(store_.manager(), {});
  const Descriptor rtp = BoundTo(20000);
  const Descriptor rtcp = BoundTo(20001);
  kept.Store(20000, rtp.get(), rtcp.get());
  kept.Store(20002, rtp.get(), rtcp.get());
  EXPECT_EQ(kept.Flush(), 2u);
  kept.Remove(20002);  // Never said, so there is nothing to say of its sockets.
  EXPECT_EQ(kept.Flush(), 2u);
  store_.Deliver();
  EXPECT_TRUE(store_.kept().empty());
  EXPECT_EQ(kept.Flush(), 0u);
  store_.Deliver();
  ASSERT_EQ(store_.kept().size(), 2u);
  EXPECT_EQ(store_.kept()[0].name, "20000");
}

TEST_F(KeptSocketsTest, WhatIsNoPairOfMediaSocketsIsNotTakenForOne) {
  const Descriptor rtp = BoundTo(20000);
  const Descriptor rtcp = BoundTo(20001);
  std::vector<NamedDescriptor> passed;
  const auto pass = [&](const std::string& name, int fd) { passed.push_back({name, Descriptor(dup(fd))}); };
  pass("20002", rtp.get());       // Bound to another port.
  pass("connection", rtp.get());  // No port.
  pass("20001", rtcp.get());      // Half a pair.
  passed.push_back({"20004", Descriptor(open("/dev/null", O_RDONLY))});
  passed.push_back({"99999", Descriptor(dup(rtp.get()))});
  KeptSockets kept(store_.manager(), std::move(passed));
  for (const uint16_t port : {20000, 20001, 20002, 20004}) EXPECT_FALSE(kept.Take(port).rtp.valid()) << port;
}

TEST(KeptSocketsWithoutAStoreTest, NothingHappens) {
  KeptSockets kept(ServiceManager(""), {});
  kept.Store(20000, 0, 1);
  kept.Remove(20000);
  EXPECT_EQ(kept.Flush(), 0u);
  EXPECT_FALSE(kept.Take(20000).rtp.valid());
  EXPECT_EQ(kept.CloseUnclaimed(), 0u);
}

}  // namespace
}  // namespace turret::node
