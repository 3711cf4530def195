// The recording server as a client sees it: dialogs over real UDP and TCP.
#include "node/session/sip_server.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/node/session/sip_fixture.h"

namespace turret::node {
namespace {

using test::BodyOf;
using test::HeaderOf;
using test::MakeInvite;
using test::MakeMetadata;
using test::MakeRequest;
using test::MakeSdp;
using test::Next;
using test::RawSip;
using test::RequestSpec;
using test::StatusOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class SipServerOn : public test::SipFixture, public testing::WithParamInterface<bool> {};

TEST_P(SipServerOn, ACallIsTakenAnsweredAndEnded) {
  RawSip client(GetParam() ? server_->tcp_port() : server_->udp_port(), GetParam());
  const RequestSpec invite = MakeInvite("call-1@test", MakeSdp({{"1"}, {"2"}}),
                                        MakeMetadata({"sip:ada@bank.example", "sip:m@client.example"}));
  client.Send(MakeRequest(client, invite));
  const std::string ok = client.Receive();  // No 100 before it: that would promise what no disk holds yet.
  ASSERT_EQ(StatusOf(ok), 200);
  EXPECT_THAT(HeaderOf(ok, "Contact"), HasSubstr(";+sip.srs"));
  EXPECT_THAT(BodyOf(ok), HasSubstr("m=audio 20000 RTP/AVP 8"));
  client.Send(MakeRequest(client, Next(invite, ok, "ACK", 1)));
  EXPECT_EQ(server_->sessions(), 1u);
  EXPECT_EQ(StatusOf(Ask(client, Next(invite, ok, "BYE", 2))), 200);
  EXPECT_EQ(server_->sessions(), 0u);
  EXPECT_EQ(ports_.open(), 0u);
  EXPECT_THAT(ReadSpool().order,
              ElementsAre("unit", "call_started", "stream_opened", "stream_opened", "call_ended"));
  EXPECT_EQ(Facts(v1::Fact::kCallStarted)[0].call_started().transport(), GetParam() ? "tcp" : "udp");
}

// Durable before said.
TEST_P(SipServerOn, WhatA200PromisesIsOnDiskWhenItComes) {
  RawSip client(GetParam() ? server_->tcp_port() : server_->udp_port(), GetParam());
  (void)Establish(client, "call-1@test");
  EXPECT_EQ(spool_->Stats().position_durable, spool_->Stats().position_end);
}

INSTANTIATE_TEST_SUITE_P(, SipServerOn, testing::Bool(),
                         [](const auto& param_info) { return param_info.param ? "Tcp" : "Udp"; });

class SipDialogsTest : public test::SipFixture {};

TEST_F(SipDialogsTest, HoldByReinviteAndResumeByUpdate) {
  RawSip client(server_->udp_port(), false);
  const Call call = Establish(client, "call-1@test");
  RequestSpec hold = Next(call.invite, call.ok, "INVITE", 2);
  hold.content_type = "application/sdp";
  hold.body = MakeSdp({{"1", "inactive"}, {"2", "inactive"}});
  const std::string held = Ask(client, hold);
  ASSERT_EQ(StatusOf(held), 200);
  EXPECT_THAT(BodyOf(held), Not(HasSubstr("recvonly")));
  client.Send(MakeRequest(client, Next(call.invite, call.ok, "ACK", 2)));
  RequestSpec resume = Next(call.invite, call.ok, "UPDATE", 3);
  resume.content_type = "application/sdp";
  resume.body = MakeSdp({{"1"}, {"2"}});
  EXPECT_THAT(BodyOf(Ask(client, resume)), HasSubstr("recvonly"));
  EXPECT_EQ(Facts(v1::Fact::kStreamPauseChanged).size(), 4u);
  Bye(client, call);
}

TEST_F(SipDialogsTest, AnUpdateWithoutABodyIsAnsweredWithoutOne) {
  RawSip client(server_->udp_port(), false);
  const Call call = Establish(client, "call-1@test");
  const std::string answer = Ask(client, Next(call.invite, call.ok, "UPDATE", 2));
  EXPECT_EQ(StatusOf(answer), 200);
  EXPECT_EQ(BodyOf(answer), "");
}

TEST_F(SipDialogsTest, AReinviteWithoutSdpGetsWhatIsSoAlready) {
  RawSip client(server_->udp_port(), false);
  const Call call = Establish(client, "call-1@test");
  EXPECT_THAT(BodyOf(Ask(client, Next(call.invite, call.ok, "INVITE", 2))), HasSubstr("m=audio 20000"));
}

TEST_F(SipDialogsTest, ACancelThatComesInTimeEndsTheCallBeforeItsAnswer) {
  // The spool is held by a commit that the test runs: the answer cannot be out yet is not certain, so both
  // ends are accepted by the protocol; what must hold is that nothing stays open.
  RawSip client(server_->udp_port(), false);
  const RequestSpec invite = MakeInvite("call-1@test", MakeSdp({{"1"}}), "");
  RequestSpec cancel = Next(invite, "", "CANCEL", 1);
  cancel.branch = "INVITE-call-1@test-1";
  client.Send(MakeRequest(client, invite));
  client.Send(MakeRequest(client, cancel));
  int cancel_status = 0;
  int invite_status = 0;
  std::string ok;
  for (int answers = 0; answers < 4 && (cancel_status == 0 || invite_status == 0); ++answers) {
    const std::string answer = client.ReceiveFinal();
    if (HeaderOf(answer, "CSeq") == "1 CANCEL") cancel_status = StatusOf(answer);
    if (HeaderOf(answer, "CSeq") == "1 INVITE") invite_status = StatusOf(answer), ok = answer;
  }
  if (invite_status == 200) {
    EXPECT_EQ(cancel_status, 481);
    EXPECT_EQ(StatusOf(Ask(client, Next(invite, ok, "BYE", 2))), 200);
  } else {
    EXPECT_EQ(cancel_status, 200);
    EXPECT_EQ(invite_status, 487);
  }
  server_->Stop(v1::CallEnded::NODE_STOPPED);
  EXPECT_EQ(Facts(v1::Fact::kCallEnded).size(), 1u);
  EXPECT_EQ(ports_.open(), 0u);
}

TEST_F(SipDialogsTest, OptionsSayWhatWeCan) {
  RawSip client(server_->udp_port(), false);
  const std::string answer = Ask(client, {.method = "OPTIONS", .call_id = "options@test"});
  EXPECT_EQ(StatusOf(answer), 200);
  EXPECT_THAT(HeaderOf(answer, "Allow"), HasSubstr("UPDATE"));
  EXPECT_THAT(HeaderOf(answer, "Accept"), HasSubstr("application/rs-metadata"));
}

TEST_F(SipDialogsTest, SessionTimerIsHonouredAndItsExpiryEndsTheCall) {
  RawSip client(server_->udp_port(), false);
  RequestSpec invite = MakeInvite("call-1@test", MakeSdp({{"1"}}), "");
  invite.headers = {"Supported: timer", "Session-Expires: 90"};
  const Call call = Establish(client, invite);
  EXPECT_EQ(HeaderOf(call.ok, "Session-Expires"), "90;refresher=uac");
  clock_.Advance(absl::Seconds(60));
  EXPECT_EQ(StatusOf(Ask(client, Next(invite, call.ok, "UPDATE", 2))), 200);
  clock_.Advance(absl::Seconds(60));
  EXPECT_EQ(StatusOf(Ask(client, {.method = "OPTIONS", .call_id = "options@test"})), 200);
  EXPECT_EQ(server_->sessions(), 1u);
  clock_.Advance(absl::Seconds(31));
  EXPECT_TRUE(client.Receive().starts_with("BYE "));
  server_->Stop(v1::CallEnded::NODE_STOPPED);
  EXPECT_EQ(Facts(v1::Fact::kCallEnded).at(0).call_ended().reason(), v1::CallEnded::SESSION_EXPIRED);
}

// RFC 4028, 4: 90 s is the least; a client that states less is recorded all the same.
TEST_F(SipDialogsTest, ASessionTimerBelowTheLeastEndsNoCallBefore90Seconds) {
  RawSip client(server_->udp_port(), false);
  RequestSpec invite = MakeInvite("call-1@test", MakeSdp({{"1"}}), "");
  invite.headers = {"Supported: timer", "Session-Expires: 1"};
  const Call call = Establish(client, invite);
  EXPECT_EQ(HeaderOf(call.ok, "Session-Expires"), "1;refresher=uac");
  clock_.Advance(absl::Seconds(60));
  EXPECT_EQ(StatusOf(Ask(client, {.method = "OPTIONS", .call_id = "options@test"})), 200);
  EXPECT_EQ(server_->sessions(), 1u);
  clock_.Advance(absl::Seconds(31));
  EXPECT_TRUE(client.Receive().starts_with("BYE "));
}

TEST_F(SipDialogsTest, StoppingTellsTheClientAndEndsItsCall) {
  RawSip client(server_->udp_port(), false);
  (void)Establish(client, "call-1@test");
  server_->Stop(v1::CallEnded::NODE_STOPPED);
  EXPECT_TRUE(client.Receive().starts_with("BYE "));
  EXPECT_EQ(Facts(v1::Fact::kCallEnded).at(0).call_ended().reason(), v1::CallEnded::NODE_STOPPED);
}

TEST_F(SipDialogsTest, AHundredCallsOnOneConnectionAreAllTaken) {
  RawSip client(server_->tcp_port(), true);
  std::vector<Call> calls;
  for (int call = 0; call < 100; ++call) calls.push_back(Establish(client, "call-" + std::to_string(call)));
  EXPECT_EQ(server_->sessions(), 100u);
  for (const Call& call : calls) Bye(client, call);
  EXPECT_EQ(Facts(v1::Fact::kCallEnded).size(), 100u);
}

}  // namespace
}  // namespace turret::node
