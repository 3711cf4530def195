// Late offers over real sockets: with and without what the ACK should hold.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/node/session/sip_fixture.h"

namespace turret::node {
namespace {

using test::BodyOf;
using test::MakeMetadata;
using test::MakeRequest;
using test::MakeSdp;
using test::Next;
using test::RawSip;
using test::RequestSpec;
using test::StatusOf;
using testing::HasSubstr;

class SipLateOffer : public test::SipFixture, public testing::WithParamInterface<bool> {
 protected:
  RequestSpec LateInvite() {
    RequestSpec invite{.call_id = "late@test"};
    invite.content_type = "application/rs-metadata+xml";
    invite.body = MakeMetadata({"sip:ada@bank.example", "sip:m@client.example"});
    return invite;
  }
  RequestSpec AnsweringAck(const RequestSpec& invite, const std::string& ok) {
    RequestSpec ack = Next(invite, ok, "ACK", 1);
    ack.content_type = "application/sdp";
    ack.body = MakeSdp({{"1"}, {"2"}});
    return ack;
  }
  /// Asks something, so that what was sent before it has been handled.
  void Settle(RawSip& client, const RequestSpec& invite, const std::string& ok, int cseq) {
    std::string answer = Ask(client, Next(invite, ok, "OPTIONS", cseq));
    while (test::HeaderOf(answer, "CSeq") == "1 INVITE") answer = client.ReceiveFinal();
    EXPECT_EQ(StatusOf(answer), 200);
  }
};

INSTANTIATE_TEST_SUITE_P(, SipLateOffer, testing::Bool(),
                         [](const auto& param_info) { return param_info.param ? "Tcp" : "Udp"; });

TEST_P(SipLateOffer, The200OffersAndTheAckAnswers) {
  RawSip client = Client(GetParam());
  const RequestSpec invite = LateInvite();
  const std::string ok = Ask(client, invite);
  ASSERT_EQ(StatusOf(ok), 200);
  EXPECT_THAT(BodyOf(ok), HasSubstr("m=audio 20002 RTP/AVP 8 0"));
  EXPECT_EQ(ports_.held(), 2u);
  client.Send(MakeRequest(client, AnsweringAck(invite, ok)));
  Settle(client, invite, ok, 2);
  EXPECT_EQ(ports_.held(), 0u);
  EXPECT_EQ(Facts(v1::Fact::kStreamOpened).size(), 2u);
  Bye(client, {invite, ok});
}

// Field tolerance.
TEST_P(SipLateOffer, AnAckWithoutToTagOrWithAnotherCSeqAnswersAsWell) {
  for (const bool without_tag : {true, false}) {
    RawSip client = Client(GetParam());
    RequestSpec invite = LateInvite();
    invite.call_id = without_tag ? "tag@test" : "cseq@test";
    const std::string ok = Ask(client, invite);
    RequestSpec ack = AnsweringAck(invite, ok);
    if (without_tag) ack.to_tag = "";
    if (!without_tag) ack.cseq = 7;
    client.Send(MakeRequest(client, ack));
    Settle(client, invite, ok, 8);
    EXPECT_EQ(ports_.held(), 0u);
    RequestSpec hold = Next(invite, ok, "UPDATE", 9);
    hold.content_type = "application/sdp";
    hold.body = MakeSdp({{"1", "inactive"}, {"2", "inactive"}});
    std::string held = Ask(client, hold);
    while (test::HeaderOf(held, "CSeq") == "1 INVITE") held = client.ReceiveFinal();  // The 200 may repeat.
    EXPECT_EQ(StatusOf(held), 200);
  }
  EXPECT_EQ(Facts(v1::Fact::kStreamOpened).size(), 4u);
}

TEST_P(SipLateOffer, AChangeBeforeTheAnswerIsGlareAndAByeEndsTheCall) {
  RawSip client = Client(GetParam());
  const RequestSpec invite = LateInvite();
  const std::string ok = Ask(client, invite);
  EXPECT_EQ(StatusOf(Ask(client, Next(invite, ok, "UPDATE", 2))), 491);
  std::string ended = Ask(client, Next(invite, ok, "BYE", 3));
  while (test::HeaderOf(ended, "CSeq") != "3 BYE") ended = client.ReceiveFinal();
  EXPECT_EQ(StatusOf(ended), 200);
  EXPECT_EQ(ports_.open(), 0u);
  EXPECT_EQ(server_->sessions(), 0u);
  EXPECT_EQ(Facts(v1::Fact::kStreamOpened).size(), 2u);
}

}  // namespace
}  // namespace turret::node
