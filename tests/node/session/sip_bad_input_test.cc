// Bad SIP: what can be recorded is recorded and flagged, what cannot is refused with the protocol's own error
// and counted by reason, and another call goes on unharmed.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/node/session/sip_fixture.h"

namespace turret::node {
namespace {

using test::HeaderOf;
using test::MakeInvite;
using test::MakeMetadata;
using test::MakeRequest;
using test::MakeSdp;
using test::Next;
using test::RawSip;
using test::RequestSpec;
using test::StatusOf;
using testing::Contains;

class SipBadInputTest : public test::SipFixture {
 protected:
  void SetUp() override {
    SipFixture::SetUp();
    good_client_ = std::make_unique<RawSip>(server_->tcp_port(), true);
    good_call_ = Establish(*good_client_, "good@test");
  }
  // After each test: the good call is still there, and ends well.
  void TearDown() override {
    EXPECT_EQ(StatusOf(Ask(*good_client_, Next(good_call_.invite, good_call_.ok, "UPDATE", 50))), 200);
    Bye(*good_client_, good_call_);
  }
  std::string Ok(const std::string& call_id) { return MakeRequest(*good_client_, {.call_id = call_id}); }
  /// The second call's flags.
  std::vector<int> FlagsOfOddCall() {
    const auto started = Facts(v1::Fact::kCallStarted);
    EXPECT_EQ(started.size(), 2u);
    const auto& flags = started.back().call_started().flags();
    return {flags.begin(), flags.end()};
  }
  std::unique_ptr<RawSip> good_client_;
  Call good_call_;
};

TEST_F(SipBadInputTest, AContactThatDoesNotParseIsRecordedAndFlagged) {
  for (const char* contact : {"<sip:src@127.0.0.1", "\"unclosed <sip:a@b>"}) {
    RawSip client(server_->udp_port(), false);
    RequestSpec invite =
        MakeInvite(std::string("odd") + contact[0], MakeSdp({{"1"}}), MakeMetadata({"sip:x@y"}));
    invite.contact = contact;
    const Call call = Establish(client, invite);
    EXPECT_THAT(Facts(v1::Fact::kCallStarted).back().call_started().flags(),
                Contains(v1::CALL_FLAG_ODD_CONTACT));
    Bye(client, call);
  }
}

TEST_F(SipBadInputTest, MetadataThatIsBrokenOrNestedWithoutEndIsRecordedAndFlagged) {
  std::string nested;
  for (int depth = 0; depth < 3000; ++depth) nested += "<a>";
  RawSip client(server_->tcp_port(), true);
  for (const std::string& metadata : {std::string("<recording><part"), nested})
    (void)Establish(client, MakeInvite("odd" + std::to_string(metadata.size()), MakeSdp({{"1"}}), metadata));
  const auto started = Facts(v1::Fact::kCallStarted);
  ASSERT_EQ(started.size(), 3u);
  for (size_t call : {1, 2}) {
    EXPECT_THAT(started[call].call_started().flags(), Contains(v1::CALL_FLAG_BROKEN_METADATA));
    EXPECT_THAT(started[call].call_started().flags(), Contains(v1::CALL_FLAG_ORPHAN));
  }
}

TEST_F(SipBadInputTest, OversizedMetadataIsKeptVerbatimAndFlagged) {
  RawSip client(server_->tcp_port(), true);
  const std::string metadata = "<recording>" + std::string(300 * 1024, ' ') + "</recording>";
  (void)Establish(client, MakeInvite("odd@test", MakeSdp({{"1"}}), metadata));
  EXPECT_THAT(FlagsOfOddCall(), Contains(v1::CALL_FLAG_OVERSIZED_METADATA));
  EXPECT_EQ(Facts(v1::Fact::kCallStarted)[1].call_started().verbatim(1).body(), metadata);
}

TEST_F(SipBadInputTest, ADatagramThatIsCutOffIsRefusedWith400) {
  RawSip client(server_->udp_port(), false);
  const std::string invite = MakeRequest(client, MakeInvite("cut@test", MakeSdp({{"1"}}), ""));
  client.Send(invite.substr(0, invite.find("From:") + 9));
  EXPECT_EQ(StatusOf(client.ReceiveFinal()), 400);
  EXPECT_TRUE(WaitForRefused("malformed", 1));
}

TEST_F(SipBadInputTest, ABodyThatIsCutOffIsRefusedOrRecordedButNeverIgnored) {
  RawSip client(server_->udp_port(), false);
  const std::string invite =
      MakeRequest(client, MakeInvite("cut@test", MakeSdp({{"1"}}), MakeMetadata({"sip:x@y"})));
  client.Send(invite.substr(0, invite.size() - 60));
  const int status = StatusOf(client.ReceiveFinal());
  EXPECT_EQ(status, 400);
  EXPECT_TRUE(WaitForRefused("malformed", 1));
}

TEST_F(SipBadInputTest, AConnectionThatBreaksInMidMessageHarmsNobodyAndOpensNoCall) {
  for (const double part : {0.2, 0.5, 0.9}) {
    RawSip client(server_->tcp_port(), true);
    const std::string invite =
        MakeRequest(client, MakeInvite("cut@test", MakeSdp({{"1"}}), MakeMetadata({"sip:x@y"})));
    client.Send(invite.substr(0, static_cast<size_t>(part * static_cast<double>(invite.size()))));
    client.CloseSending();
    (void)client.ReceiveFinal(1000);
  }
  EXPECT_TRUE(WaitForRefused("malformed", 3));
  EXPECT_EQ(server_->sessions(), 1u);
}

TEST_F(SipBadInputTest, GarbageIsCounted) {
  RawSip client(server_->udp_port(), false);
  client.Send("\x7F\x02\x03 this is no SIP at all\r\n\r\n");
  EXPECT_EQ(StatusOf(Ask(client, {.method = "OPTIONS", .call_id = "options@test"})),
            200);  // Answered after it.
  EXPECT_TRUE(WaitForRefused("garbage", 1));
}

TEST_F(SipBadInputTest, DatagramsThatTheLibrarySwallowsAreCountedAndNotAnswered) {
  RawSip client(server_->udp_port(), false);
  const std::string id(12, 'i');
  client.Send(std::string("\0\1\0\0\x21\x12\xA4\x42", 8) + id);  // STUN: a request, …
  client.Send(std::string("\1\1\0\0\x21\x12\xA4\x42", 8) + id);  // … an answer, …
  client.Send(std::string("\0\1\0", 3));                         // … and what is too short for either.
  client.Send("\xF8 compressed");
  client.Send("\r\n\r\n");  // A keepalive is none of them.
  EXPECT_EQ(StatusOf(Ask(client, {.method = "OPTIONS", .call_id = "options@test"})), 200);
  EXPECT_TRUE(WaitForRefused("stun", 2));
  EXPECT_TRUE(WaitForRefused("garbage", 2));
}

TEST_F(SipBadInputTest, AnEncodingThatWeDoNotUndoIsRefusedWith415) {
  RawSip client(server_->udp_port(), false);
  RequestSpec invite = MakeInvite("odd@test", MakeSdp({{"1"}}), "");
  invite.headers.push_back("Content-Encoding: gzip");
  const std::string answer = Ask(client, invite);
  EXPECT_EQ(StatusOf(answer), 415);
  EXPECT_EQ(HeaderOf(answer, "Accept-Encoding"), "identity");
  EXPECT_TRUE(WaitForRefused("content_encoding", 1));
}

TEST_F(SipBadInputTest, AnUnknownExtensionThatIsRequiredIsRefusedWith420) {
  RawSip client(server_->udp_port(), false);
  RequestSpec invite = MakeInvite("odd@test", MakeSdp({{"1"}}), "");
  invite.headers = {"Require: siprec, telepathy"};
  const std::string answer = Ask(client, invite);
  EXPECT_EQ(StatusOf(answer), 420);
  EXPECT_EQ(HeaderOf(answer, "Unsupported"), "telepathy");
  EXPECT_TRUE(WaitForRefused("extension", 1));
}

TEST_F(SipBadInputTest, RequestsOfAnUnknownDialogAreRefusedWith481) {
  RawSip client(server_->udp_port(), false);
  RequestSpec bye{.method = "BYE", .call_id = "never@test", .to_tag = "x"};
  EXPECT_EQ(StatusOf(Ask(client, bye)), 481);
  EXPECT_TRUE(WaitForRefused("unknown_dialog", 1));
}

TEST_F(SipBadInputTest, AnOfferThatHoldsNothingToRecordIsRefusedWith488) {
  RawSip client(server_->udp_port(), false);
  RequestSpec none{.call_id = "none@test"};
  none.content_type = "application/sdp";
  none.body =
      "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 4000 RTP/AVP 98\r\n";
  EXPECT_EQ(StatusOf(Ask(client, none)), 488);
  EXPECT_TRUE(WaitForRefused("not_acceptable", 1));
}

TEST_F(SipBadInputTest, WithoutPortsOrWhileDrainingACallIsAskedToComeBack) {
  RawSip client(server_->udp_port(), false);
  ports_.left = 0;
  const std::string full = Ask(client, MakeInvite("full@test", MakeSdp({{"1"}}), ""));
  EXPECT_EQ(StatusOf(full), 503);
  EXPECT_EQ(HeaderOf(full, "Retry-After"), "5");
  EXPECT_TRUE(WaitForRefused("no_ports", 1));
  ports_.left = 10;
  server_->Drain();
  EXPECT_EQ(StatusOf(Ask(client, MakeInvite("late@test", MakeSdp({{"1"}}), ""))), 503);
  EXPECT_TRUE(WaitForRefused("draining", 1));
}

// Field tolerance: an ACK without its To tag, and a BYE with a wrong one.
TEST_F(SipBadInputTest, RequestsWithoutTheirToTagAreTakenForWhatTheyMean) {
  RawSip client(server_->udp_port(), false);
  const RequestSpec invite = MakeInvite("odd@test", MakeSdp({{"1"}}), "");
  const std::string ok = Ask(client, invite);
  RequestSpec ack = Next(invite, ok, "ACK", 1);
  ack.to_tag = "";
  client.Send(MakeRequest(client, ack));
  RequestSpec hold = Next(invite, ok, "INVITE", 2);
  hold.content_type = "application/sdp";
  hold.body = MakeSdp({{"1", "inactive"}});
  std::string held = Ask(client, hold);
  while (HeaderOf(held, "CSeq") == "1 INVITE") held = client.ReceiveFinal();  // The 200 may repeat.
  EXPECT_EQ(StatusOf(held), 200);
  RequestSpec bye = Next(invite, ok, "BYE", 3);
  bye.to_tag = "wrong";
  std::string ended = Ask(client, bye);
  while (HeaderOf(ended, "CSeq") != "3 BYE") ended = client.ReceiveFinal();
  EXPECT_EQ(StatusOf(ended), 200);
  EXPECT_EQ(server_->sessions(), 1u);
}

}  // namespace
}  // namespace turret::node
