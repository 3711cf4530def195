// A recording server that dies in mid-call, and the next one on what it left: the call goes on, over UDP and
// TCP.
#include "fmt/format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/node/session/sip_fixture.h"
#include "tests/support/faulty_environment.h"
#include "tests/support/process.h"

namespace turret::node {
namespace {

using test::BodyOf;
using test::HeaderOf;
using test::MakeInvite;
using test::MakeRequest;
using test::MakeSdp;
using test::Next;
using test::RawSip;
using test::RequestSpec;
using test::StatusOf;
using testing::HasSubstr;
using testing::StartsWith;

std::string AnswerTo(const std::string& request, int status) {
  std::string answer = fmt::format("SIP/2.0 {} Whatever\r\n", status);
  for (const char* const header : {"Via", "From", "To", "Call-ID", "CSeq"})
    answer += fmt::format("{}: {}\r\n", header, HeaderOf(request, header));
  return answer + "Content-Length: 0\r\n\r\n";
}

class SipRestartTest : public test::SipFixture {
 protected:
  /// Steps the server's seconds until `condition` holds.
  template <class Condition>
  bool Eventually(Condition condition, absl::Duration step = absl::Milliseconds(100)) {
    return turret::test::WaitUntil(
        [&] {
          clock_.Advance(step);
          return condition();
        },
        absl::Seconds(30));
  }
  /// The next request that the server sends.
  std::string NextRequest(RawSip& client) {
    for (int attempt = 0; attempt < 50; ++attempt)
      if (std::string message = client.Receive(200); !message.empty() && StatusOf(message) == 0)
        return message;
    return {};
  }
  v1::CallEnded::Reason EndOfTheOnlyCall() {
    const std::vector<v1::Fact> ended = Facts(v1::Fact::kCallEnded);
    EXPECT_EQ(ended.size(), 1u);
    if (ended.empty()) return v1::CallEnded::REASON_UNSPECIFIED;
    EXPECT_EQ(ended[0].call_id(), Facts(v1::Fact::kCallStarted).at(0).call_id());
    return ended[0].call_ended().reason();
  }
};

class SipRestart : public SipRestartTest, public testing::WithParamInterface<bool> {
 protected:
  bool tcp() const { return GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Transports, SipRestart, testing::Bool(),
                         [](const auto& info) { return info.param ? "Tcp" : "Udp"; });

// C02: the old dialog's requests are answered 200, on any connection; it is one call, on the same ports.
TEST_P(SipRestart, TheCallGoesOnAndItsRequestsAreAnswered) {
  const Call call = [&] {
    RawSip client = Client(tcp());
    return Establish(client, "call-1@test");
  }();
  const auto ports = ports_.streams();
  Restart();
  EXPECT_EQ(server_->sessions(), 1u);
  EXPECT_EQ(ports_.streams(), ports);
  RawSip client = Client(tcp());
  EXPECT_EQ(StatusOf(Ask(client, Next(call.invite, call.ok, "UPDATE", 2))), 200);
  RequestSpec hold = Next(call.invite, call.ok, "INVITE", 3);
  hold.content_type = "application/sdp";
  hold.body = MakeSdp({{"1", "inactive"}, {"2", "inactive"}});
  const std::string held = Ask(client, hold);
  EXPECT_EQ(StatusOf(held), 200);
  EXPECT_THAT(BodyOf(held), HasSubstr("m=audio 20000 "));
  client.Send(MakeRequest(client, Next(call.invite, call.ok, "ACK", 3)));
  Restart();
  RawSip last = Client(tcp());
  Bye(last, call);
  EXPECT_EQ(server_->sessions(), 0u);
  EXPECT_EQ(ports_.open(), 0u);
  EXPECT_EQ(EndOfTheOnlyCall(), v1::CallEnded::BYE);
  EXPECT_EQ(Facts(v1::Fact::kStreamPauseChanged).size(), 2u);
  Restart();
  EXPECT_EQ(server_->sessions(), 0u);
  EXPECT_TRUE(journal_->Dialogs().empty());
}

TEST_P(SipRestart, RequestsWithoutTheirToTagStillFindTheDialog) {
  RawSip first = Client(tcp());
  const Call call = Establish(first, "call-1@test");
  Restart();
  RawSip client = Client(tcp());
  RequestSpec bye = Next(call.invite, call.ok, "BYE", 2);
  bye.to_tag.clear();
  EXPECT_EQ(StatusOf(Ask(client, bye)), 200);
}

TEST_P(SipRestart, AnOpenInviteIsAnsweredAlsoWhenItComesInANewTransaction) {
  const RequestSpec invite = MakeInvite("call-1@test", MakeSdp({{"1"}}), "");
  std::string ok;
  {
    RawSip client = Client(tcp());
    client.Send(MakeRequest(client, invite));
    ok = client.ReceiveFinal();
    ASSERT_EQ(StatusOf(ok), 200);
  }
  Restart();
  RawSip client = Client(tcp());
  RequestSpec again = invite;
  again.branch = "of-the-new-connection";
  const std::string answer = Ask(client, again);
  EXPECT_EQ(StatusOf(answer), 200);
  EXPECT_EQ(HeaderOf(answer, "To"), HeaderOf(ok, "To"));
  EXPECT_EQ(BodyOf(answer), BodyOf(ok));
  client.Send(MakeRequest(client, Next(invite, answer, "ACK", 1)));
  EXPECT_TRUE(Eventually([&] { return !journal_->Dialogs().at(0).has_unacknowledged(); }));
  EXPECT_EQ(server_->sessions(), 1u);
  again.branch = "on-another-way";
  EXPECT_EQ(StatusOf(Ask(client, again)), 482);
  EXPECT_EQ(Facts(v1::Fact::kCallStarted).size(), 1u);
}

TEST_P(SipRestart, AStopLeavesNothingToGoOnWith) {
  RawSip client = Client(tcp());
  Establish(client, "call-1@test");
  server_->Stop(v1::CallEnded::NODE_STOPPED);
  EXPECT_EQ(EndOfTheOnlyCall(), v1::CallEnded::NODE_STOPPED);
  Restart();
  EXPECT_EQ(server_->sessions(), 0u);
}

TEST_F(SipRestartTest, ARetransmittedInviteOfTheOldProcessGetsItsOldAnswer) {
  RawSip client(server_->udp_port(), false);
  const RequestSpec invite = MakeInvite("call-1@test", MakeSdp({{"1"}}), "");
  const std::string ok = Ask(client, invite);
  ASSERT_EQ(StatusOf(ok), 200);
  Restart();
  std::string again = client.ReceiveFinal();  // It comes by itself, since the ACK never did.
  EXPECT_EQ(HeaderOf(again, "To"), HeaderOf(ok, "To"));
  again = Ask(client, invite);
  EXPECT_EQ(StatusOf(again), 200);
  EXPECT_EQ(BodyOf(again), BodyOf(ok));
  EXPECT_EQ(Facts(v1::Fact::kCallStarted).size(), 1u);
}

TEST_F(SipRestartTest, AnAnswerThatTcpLostGoesToThePortThatTheClientListensOn) {
  SipOptions options{.udp = "127.0.0.1:0", .tcp = "127.0.0.1:0"};
  RawSip client(server_->tcp_port(), true);
  const RequestSpec invite = MakeInvite("call-1@test", MakeSdp({{"1"}}), "");
  ASSERT_EQ(StatusOf(Ask(client, invite)), 200);
  Restart();
  RawSip anew(server_->tcp_port(), true);  // Same branch: the old transaction answers where it is asked.
  std::string request = MakeRequest(client, invite);
  anew.Send(request);
  EXPECT_EQ(StatusOf(anew.ReceiveFinal()), 200);
}

TEST_F(SipRestartTest, NothingIsSaidBeforeTheInviteIsDurable) {
  RawSip client(server_->udp_port(), false);
  client.Send(MakeRequest(client, MakeInvite("call-1@test", MakeSdp({{"1"}}), "")));
  EXPECT_EQ(StatusOf(client.Receive()), 200);  // Not 100, which would promise what no disk holds yet.
  EXPECT_FALSE(journal_->dirty());
}

TEST_F(SipRestartTest, AClientThatKnowsTheDialogNoMoreEndsIt) {
  RawSip client(server_->udp_port(), false);
  const Call call = Establish(client, "call-1@test");
  Restart();
  const std::string probe = NextRequest(client);
  ASSERT_THAT(probe, StartsWith("OPTIONS "));
  EXPECT_EQ(HeaderOf(probe, "From"), HeaderOf(call.ok, "To"));
  EXPECT_EQ(HeaderOf(probe, "To"), HeaderOf(call.ok, "From"));
  client.Send(AnswerTo(probe, 481));
  EXPECT_TRUE(Eventually([&] { return server_->sessions() == 0; }));
  EXPECT_TRUE(Eventually([&] { return journal_->Dialogs().empty(); }));
  EXPECT_EQ(EndOfTheOnlyCall(), v1::CallEnded::NODE_LOST);
  Bye(client, call);  // It was under way while nobody listened.
}

TEST_F(SipRestartTest, AnyOtherAnswerProvesTheDialogAndOurCseqKeepsGrowing) {
  RawSip client(server_->udp_port(), false);
  const Call call = Establish(client, "call-1@test");
  int last = 0;
  for (int restart = 0; restart < 3; ++restart) {
    Restart();
    const std::string probe = NextRequest(client);
    const int cseq = std::atoi(HeaderOf(probe, "CSeq").c_str());
    EXPECT_GT(cseq, last);
    last = cseq;
    client.Send(AnswerTo(probe, 405));
  }
  for (int minute = 0; minute < 30; ++minute) {
    clock_.Advance(absl::Minutes(1));
    EXPECT_EQ(StatusOf(Ask(client, {.method = "OPTIONS", .call_id = "options@test", .cseq = minute + 1})),
              200);
  }
  EXPECT_EQ(server_->sessions(), 1u);
  Bye(client, call);
}

TEST_F(SipRestartTest, WithoutAnAnswerAndWithoutPacketsTheCallEndsAtLast) {
  RawSip client(server_->udp_port(), false);
  Establish(client, "call-1@test");
  Restart();
  ASSERT_THAT(NextRequest(client), StartsWith("OPTIONS "));
  for (int minute = 0; minute < 30; ++minute) {
    ++ports_.datagrams;
    const absl::Duration before = clock_.Elapsed();
    EXPECT_TRUE(Eventually([&] { return clock_.Elapsed() - before > absl::Minutes(1); }, absl::Seconds(10)));
  }
  EXPECT_EQ(server_->sessions(), 1u);
  EXPECT_TRUE(Eventually([&] { return server_->sessions() == 0; }, absl::Minutes(1)));
}

TEST_F(SipRestartTest, TheSessionTimerRunsOn) {
  RawSip client(server_->udp_port(), false);
  RequestSpec invite = MakeInvite("call-1@test", MakeSdp({{"1"}}), "");
  invite.headers = {"Supported: timer", "Session-Expires: 90"};
  Establish(client, invite);
  Restart();
  clock_.Advance(absl::Seconds(91));
  EXPECT_TRUE(Eventually([&] { return server_->sessions() == 0; }));
  EXPECT_TRUE(
      turret::test::WaitUntil([&] { return !Facts(v1::Fact::kCallEnded).empty(); }, absl::Seconds(5)));
  EXPECT_EQ(EndOfTheOnlyCall(), v1::CallEnded::SESSION_EXPIRED);
}

TEST_F(SipRestartTest, MetadataWithoutItsBaseIsAskedForAnew) {
  RawSip client(server_->udp_port(), false);
  const Call call = Establish(
      client, MakeInvite("call-1@test", MakeSdp({{"1"}}),
                         "<recording xmlns='urn:ietf:params:xml:ns:recording:1'><datamode>partial</datamode>"
                         "</recording>"));
  Restart();
  const std::string probe = NextRequest(client);
  EXPECT_THAT(probe, StartsWith("UPDATE "));
  EXPECT_EQ(HeaderOf(probe, "Content-Type"), "application/rs-metadata-request");
  EXPECT_EQ(HeaderOf(probe, "Content-Disposition"), "recording-session");
  EXPECT_THAT(BodyOf(probe), HasSubstr("<requestsnapshot xmlns='urn:ietf:params:xml:ns:recording:1'>"));
}

TEST_F(SipRestartTest, APortThatIsNotFreeYetIsBoundAMomentLater) {
  RawSip client(server_->udp_port(), false);
  Establish(client, "call-1@test");
  const auto ports = ports_.streams();
  ports_.busy = 3;
  Restart();
  EXPECT_TRUE(Eventually([&] { return ports_.streams() == ports && ports_.held() == 0; }));
}

TEST_F(SipRestartTest, AByeWhoseEndIsInTheSpoolIsAnswered) {
  RawSip client(server_->udp_port(), false);
  const Call call = Establish(client, "call-1@test");
  ASSERT_TRUE(server_->Leave().ok());
  v1::JournaledDialog over = journal_->Dialogs().at(0);
  over.set_over(true);
  journal_->Put(over);
  Start({.udp = "127.0.0.1:0", .tcp = "127.0.0.1:0"});
  EXPECT_EQ(server_->sessions(), 0u);
  RawSip again(server_->udp_port(), false);
  EXPECT_EQ(StatusOf(Ask(again, Next(call.invite, call.ok, "UPDATE", 2))), 481);
  Bye(again, call);
  EXPECT_TRUE(Facts(v1::Fact::kCallEnded).empty());
}

class SipJournalFaultTest : public SipRestartTest {
 protected:
  void SetUp() override {
    journal_ = SessionJournal::Open(faulty_, folder_ / "faulty", journal_key_.Clone(), random_).value();
    SipRestartTest::SetUp();
  }
  void TearDown() override {  // Both still write.
    server_.reset();
    journal_.reset();
  }
  turret::test::FaultyEnvironment faulty_{environment_};
};

TEST_F(SipJournalFaultTest, WithoutAJournalNoCallIsTakenAndRunningOnesGoOn) {
  RawSip client(server_->udp_port(), false);
  const Call call = Establish(client, "call-1@test");
  faulty_.Break(turret::test::FaultyEnvironment::Operation::kSync);
  EXPECT_EQ(StatusOf(Ask(client, MakeInvite("call-2@test", MakeSdp({{"1"}}), ""))), 503);
  EXPECT_TRUE(Eventually([&] { return server_->sessions() == 1; }));
  faulty_.Repair();
  Establish(client, "call-3@test");
  EXPECT_EQ(StatusOf(Ask(client, Next(call.invite, call.ok, "UPDATE", 2))), 200);
  EXPECT_TRUE(Eventually([&] { return journal_->Dialogs().size() == 2; }));
}

}  // namespace
}  // namespace turret::node
