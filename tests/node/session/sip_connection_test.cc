// Connections that bring what no SIP parser takes: the peer is told or cut off in time, and its calls go on.
#include <atomic>
#include <thread>

#include "gtest/gtest.h"
#include "node/session/connection_watch.h"
#include "tests/node/session/sip_fixture.h"

namespace turret::node {
namespace {

using test::MakeInvite;
using test::MakeRequest;
using test::MakeSdp;
using test::Next;
using test::RawSip;
using test::RequestSpec;
using test::StatusOf;

class SipConnectionTest : public test::SipFixture {
 protected:
  /// Reads until the server closes, in its time. False: it never does.
  bool WaitForClose(RawSip& client) {
    for (int attempt = 0; attempt < 500 && !client.closed(); ++attempt) {
      clock_.Advance(absl::Milliseconds(100));
      (void)client.Receive(20);
    }
    return client.closed();
  }
  /// What was set up on a connection that is gone, ends on another one.
  void ExpectCallGoesOnElsewhere(const Call& call) {
    RawSip another(server_->tcp_port(), true);
    EXPECT_EQ(StatusOf(Ask(another, Next(call.invite, call.ok, "UPDATE", 50))), 200);
    EXPECT_EQ(server_->sessions(), 1u);
    Bye(another, call);
    EXPECT_EQ(server_->sessions(), 0u);
  }
};

struct Garbage {
  const char* name;
  std::string bytes;
  const char* reason;
  int status;  // Of the answer; 0: there is none.
};
void PrintTo(const Garbage& garbage, std::ostream* out) { *out << garbage.name; }

class SipGarbage : public SipConnectionTest, public testing::WithParamInterface<Garbage> {};

// Field tolerance: what was set up on the connection goes on, and its BYE on a new one is answered.
TEST_P(SipGarbage, ClosesItsConnectionIsCountedAndHarmsNoCall) {
  RawSip client(server_->tcp_port(), true);
  const Call call = Establish(client, "call-1@test");
  client.Send(GetParam().bytes);
  if (GetParam().status != 0) EXPECT_EQ(StatusOf(client.ReceiveFinal()), GetParam().status);
  EXPECT_TRUE(WaitForClose(client));
  EXPECT_TRUE(WaitForRefused(GetParam().reason, 1));
  ExpectCallGoesOnElsewhere(call);
}

constexpr char kHeaders[] =
    "Via: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK-odd\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:srs@b>\r\n"
    "Call-ID: odd@test\r\nCSeq: 1 OPTIONS\r\n";

INSTANTIATE_TEST_SUITE_P(
    , SipGarbage,
    testing::Values(
        Garbage{"Text", "this is no SIP at all\r\n\r\n", "garbage", 0},
        Garbage{"Binary", "\x7F\x02\x03\xFF\xFE more of it\r\n\r\n", "garbage", 0},
        Garbage{"HttpRequestWithoutContentLength", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "unfinished", 0},
        Garbage{"AnswerWithoutContentLength", "SIP/2.0 200 OK\r\nVia: ???\r\nCSeq: x\r\n\r\n", "unfinished",
                0},
        Garbage{"TlsClientHello",
                std::string("\x16\x03\x01\x00\x2E\x01\x00\x00\x2A\x03\x03", 11) + std::string(39, 'r'),
                "unfinished", 0},
        Garbage{"HeadersWithANulByte",
                "OPTIONS sip:srs@b SIP/2.0\r\n" + std::string(kHeaders) + std::string("X: \0 y\r\n\r\n", 10),
                "unfinished", 0},
        Garbage{"RequestWithoutVia",
                "OPTIONS sip:srs@b SIP/2.0\r\nFrom: <sip:a@b>;tag=1\r\nContent-Length: 0\r\n\r\n",
                "malformed", 0},
        Garbage{"RequestWithoutContentLength",
                "OPTIONS sip:srs@b SIP/2.0\r\n" + std::string(kHeaders) + "\r\nbody", "malformed", 400},
        Garbage{"RequestWithoutFrom",
                "OPTIONS sip:srs@b SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK-a\r\nCSeq: 1 "
                "OPTIONS\r\nContent-Length: 0\r\n\r\n",
                "malformed", 400}),
    [](const auto& param_info) { return std::string(param_info.param.name); });

TEST_F(SipConnectionTest, RequestsBehindABinaryMessageDoNotKeepTheConnectionDeaf) {
  RawSip client(server_->tcp_port(), true);
  const Call call = Establish(client, "call-1@test");
  client.Send(std::string("\0\1\0\0\x21\x12\xA4\x42", 8) + std::string(12, 'i'));
  for (int request = 0; request < 200 && !client.closed(); ++request) {
    client.Send(MakeRequest(client, {.method = "OPTIONS", .call_id = "swallowed@test", .cseq = request + 1}));
    clock_.Advance(absl::Seconds(1));
    (void)client.Receive(50);
  }
  EXPECT_TRUE(client.closed());
  EXPECT_TRUE(WaitForRefused("unfinished", 1));
  ExpectCallGoesOnElsewhere(call);
}

TEST_F(SipConnectionTest, LineEndsBetweenMessagesAndSlowMessagesKeepTheirConnection) {
  RawSip client(server_->tcp_port(), true);
  RequestSpec options{.method = "OPTIONS", .call_id = "a@test"};
  client.Send(MakeRequest(client, options) + "\r\n");  // A Content-Length that is two short.
  EXPECT_EQ(StatusOf(client.ReceiveFinal()), 200);
  for (int keepalive = 0; keepalive < 40; ++keepalive) {
    client.Send(keepalive % 2 == 0 ? "\r\n\r\n" : std::string(8, '\n'));
    clock_.Advance(absl::Seconds(1));
    (void)client.Receive(10);
  }
  options.cseq = 2;
  const std::string slow = MakeRequest(client, options);
  client.Send(slow.substr(0, 100));
  clock_.Advance(kUnfinishedMessageTime - absl::Seconds(1));
  (void)client.Receive(200);
  client.Send(slow.substr(100));
  std::string answer = client.ReceiveFinal();
  EXPECT_EQ(StatusOf(answer), 200);
  clock_.Advance(absl::Seconds(30));
  (void)client.Receive(200);
  options.cseq = 3;
  EXPECT_EQ(StatusOf(Ask(client, options)), 200);
  EXPECT_FALSE(client.closed());
}

TEST_F(SipConnectionTest, AMessageThatIsTooLargeIsRefusedWith413) {
  RawSip client(server_->tcp_port(), true);
  RequestSpec invite = MakeInvite("big@test", MakeSdp({{"1"}}), "");
  invite.body += std::string(1024 * 1024, 'x');
  client.Send(MakeRequest(client, invite));
  EXPECT_EQ(StatusOf(client.ReceiveFinal()), 413);
  EXPECT_TRUE(WaitForRefused("oversized", 1));
}

TEST_F(SipConnectionTest, AClientThatSendsWithoutEndIsCutOff) {
  RawSip client(server_->tcp_port(), true);
  RequestSpec invite = MakeInvite("endless@test", MakeSdp({{"1"}}), "");
  invite.body += std::string(64 * 1024 * 1024, 'x');
  const std::string request = MakeRequest(client, invite);
  std::atomic<bool> sent = false;
  std::thread sender([&] {
    client.Send(request);  // Returns, since the connection is reset.
    sent = true;
  });
  while (!sent) {
    clock_.Advance(kBrokenConnectionTime);
    (void)poll(nullptr, 0, 20);
  }
  sender.join();
  EXPECT_TRUE(WaitForRefused("oversized", 1));
}

}  // namespace
}  // namespace turret::node
