// Bad input while a good call runs: what can be recorded is recorded and flagged, what cannot is refused and
// counted, and the good call does not notice.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "tests/floor/floor.h"
#include "tests/interop/archive_truth.h"
#include "tests/interop/cluster.h"
#include "turret/v1/replication.grpc.pb.h"

namespace turret::test {
namespace {

using floor::CallSpec;
using floor::Dialog;
using floor::SipClient;

class BadInputTest : public testing::Test {
 protected:
  void SetUp() override {
    ClusterOptions options;
    options.enrolment = floor::EnrolmentYaml(2, "exact");
    auto cluster = Cluster::Start(options);
    ASSERT_TRUE(cluster.ok()) << cluster.status();
    cluster_ = *std::move(cluster);
    floor::FloorOptions good;
    good.server = cluster_->sip_address();
    good.tcp = true;
    good.traders = 1;
    good.calls = 1;
    good.call_length = absl::Seconds(4);
    good.speech = false;
    good_call_ = std::thread([this, good] { truth_ = floor::RunFloor(good); });
  }
  void TearDown() override {
    if (good_call_.joinable()) good_call_.join();
  }

  std::unique_ptr<SipClient> Client(bool tcp) const {
    return SipClient::Connect(cluster_->sip_address(), tcp).value();
  }

  static CallSpec SpecOfSecondTrader() {
    CallSpec spec;
    spec.seed = 77;
    spec.participants = {{floor::TraderOf(1).aor, floor::TraderOf(1).name},
                         {"sip:+442079460077@client.example", "Vondel Bank"}};
    spec.media = {{.label = "1", .participant = 0}, {.label = "2", .participant = 1}};
    return spec;
  }

  // Places a call, plays `seconds` of noise into both lines, hangs up. Its Call-ID.
  std::string PlaceOddCall(SipClient& client, const CallSpec& spec,
                           const std::vector<std::vector<uint8_t>>& odd_datagrams = {}) {
    const size_t index = client.Invite(spec);
    EXPECT_TRUE(client.PollUntil([&] { return client.dialog(index).state != Dialog::State::kInviting; },
                                 absl::Seconds(10)));
    Dialog& dialog = client.dialog(index);
    EXPECT_EQ(dialog.state, Dialog::State::kConfirmed) << dialog.final_status;
    if (dialog.state != Dialog::State::kConfirmed) return dialog.call_id;
    auto player = floor::RtpPlayer::Create().value();
    std::vector<floor::StreamTruth> streams(dialog.ports.size());
    const absl::Time start = Utc();
    for (size_t i = 0; i < streams.size(); ++i) {
      streams[i].port = dialog.ports[i];
      streams[i].ssrc = static_cast<uint32_t>(900 + i);
      streams[i].payload.assign(160 * 25, static_cast<uint8_t>(0x11 + i));
      player->Add(streams[i], {}, start);
    }
    for (const auto& datagram : odd_datagrams) SendTo(dialog.ports[0], datagram);
    client.PollUntil([&] { return player->SendDue(Utc()) == absl::InfiniteFuture(); }, absl::Seconds(5));
    client.Bye(index);
    EXPECT_TRUE(client.PollUntil([&] { return dialog.state == Dialog::State::kEnded; }, absl::Seconds(5)));
    return dialog.call_id;
  }

  static absl::Time Utc() { return SystemClock().Utc(); }

  static void SendTo(uint16_t port, const std::vector<uint8_t>& datagram) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in target{};
    target.sin_family = AF_INET;
    target.sin_port = htons(port);
    target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)!sendto(fd, datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&target),
                  sizeof target);
    close(fd);
  }

  // The odd call is in the archive, flagged, with its audio; the good one is there to the byte.
  void ExpectFlaggedAndGoodCallUnharmed(const std::string& odd_call_id, const std::string& flag) {
    good_call_.join();
    ASSERT_TRUE(truth_.ok()) << truth_.status();
    ASSERT_TRUE(cluster_->WaitUntilSettled(2, absl::Seconds(60)));
    const nlohmann::json call = FindCall(*cluster_, odd_call_id);
    ASSERT_TRUE(call.is_object());
    const std::string flags = call.value("flags", nlohmann::json::array()).dump();
    EXPECT_THAT(flags, testing::HasSubstr(flag));
    uint64_t segments = 0;
    for (const nlohmann::json& stream : call["streams"]) segments += stream["segments"].get<uint64_t>();
    EXPECT_GE(segments, 2U);
    ExpectEveryPayloadByte(*cluster_, *truth_);
    ExpectVerified(*cluster_);
  }

  std::unique_ptr<Cluster> cluster_;
  absl::StatusOr<floor::FloorTruth> truth_ = absl::UnknownError("not run");
  std::thread good_call_;
};

// C09: no line can be told, so it is an orphan, kept all the same.
TEST_F(BadInputTest, BrokenXmlIsRecordedAsAnOrphanAndFlagged) {
  CallSpec spec = SpecOfSecondTrader();
  spec.metadata = "<recording xmlns=\"urn:ietf:params:xml:ns:recording:1\"><participant><nameID aor=";
  auto client = Client(false);
  const std::string id = PlaceOddCall(*client, spec);
  ExpectFlaggedAndGoodCallUnharmed(id, "broken_metadata");
  EXPECT_THAT(FindCall(*cluster_, id)["flags"].dump(), testing::HasSubstr("orphan"));
}

TEST_F(BadInputTest, XmlNestedWithoutEndIsRecordedAndFlagged) {
  CallSpec spec = SpecOfSecondTrader();
  for (int i = 0; i < 5000; ++i) spec.metadata += "<a>";
  auto client = Client(true);
  ExpectFlaggedAndGoodCallUnharmed(PlaceOddCall(*client, spec), "metadata");
}

TEST_F(BadInputTest, ExternalEntitiesAreNeverFetched) {
  CallSpec spec = SpecOfSecondTrader();
  WriteFileOrDie(cluster_->folder() + "/entity", "entity-content-that-must-not-appear");
  spec.metadata = "<?xml version=\"1.0\"?><!DOCTYPE r [<!ENTITY x SYSTEM \"file://" + cluster_->folder() +
                  "/entity\">]><recording xmlns=\"urn:ietf:params:xml:ns:recording:1\"><participant "
                  "participant_id=\"1\"><nameID aor=\"sip:x@y\"><name>&x;</name>"
                  "</nameID></participant></recording>";
  auto client = Client(true);
  const std::string id = PlaceOddCall(*client, spec);
  ExpectFlaggedAndGoodCallUnharmed(id, "orphan");
  EXPECT_THAT(FindCall(*cluster_, id).dump(), testing::Not(testing::HasSubstr("entity-content")));
}

TEST_F(BadInputTest, AContactThatDoesNotParseIsRecordedAndFlagged) {
  CallSpec spec = SpecOfSecondTrader();
  spec.contact = "<sip:src@127.0.0.1:5099;transport=udp";
  auto client = Client(false);
  ExpectFlaggedAndGoodCallUnharmed(PlaceOddCall(*client, spec), "odd_contact");
}

TEST_F(BadInputTest, ShortAndWrongRtpIsCountedByReason) {
  auto client = Client(false);
  const std::string id =
      PlaceOddCall(*client, SpecOfSecondTrader(), {{0x80, 0x08}, std::vector<uint8_t>(172, 0x40), {}});
  good_call_.join();
  ASSERT_TRUE(truth_.ok()) << truth_.status();
  ASSERT_TRUE(cluster_->WaitUntilSettled(2, absl::Seconds(60)));
  const std::string metrics = cluster_->NodeMetrics();
  EXPECT_EQ(MetricValue(metrics, "turret_rtp_packets_dropped_total{reason=\"too_short\"}"), 2);
  EXPECT_EQ(MetricValue(metrics, "turret_rtp_packets_dropped_total{reason=\"bad_version\"}"), 1);
  truth_->datagrams_sent += 50 + 3;
  ExpectEveryDatagramAccounted(*cluster_, *truth_);
  ExpectEveryPayloadByte(*cluster_, *truth_);
}

TEST_F(BadInputTest, CutAndOversizedSipIsRefusedAndTheCallOnTheOtherConnectionGoesOn) {
  auto udp = Client(false);
  udp->SendRaw(
      "INVITE sip:srs@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-cut\r\nFrom: <sip:a");
  udp->SendRaw("\x01\x02\x03 not sip at all");
  auto tcp = Client(true);
  std::string oversized =
      "INVITE sip:srs@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK-big\r\nFrom: "
      "<sip:a@b>;tag=1\r\nTo: <sip:srs@b>\r\n"
      "Call-ID: big@floor\r\nCSeq: 1 INVITE\r\nContact: <sip:a@127.0.0.1:9>\r\nContent-Length: "
      "4000000\r\n\r\n";
  oversized.append(4'000'000, 'x');
  tcp->SendRaw(oversized);
  const std::string odd = PlaceOddCall(*udp, SpecOfSecondTrader());
  good_call_.join();
  ASSERT_TRUE(truth_.ok()) << truth_.status();
  ASSERT_TRUE(cluster_->WaitUntilSettled(2, absl::Seconds(60)));
  EXPECT_TRUE(FindCall(*cluster_, odd).is_object());
  ExpectEveryPayloadByte(*cluster_, *truth_);
  EXPECT_GE(MetricSum(cluster_->NodeMetrics(), "turret_sip_refused_total"), 1);
}

TEST_F(BadInputTest, AReplicationClientWithoutACertificateIsRefusedByTls) {
  grpc::SslCredentialsOptions authority_only;
  authority_only.pem_root_certs = ReadFileOrEmpty(cluster_->certificates() + "/authority.pem");
  const auto stub = v1::Replication::NewStub(
      grpc::CreateChannel(cluster_->coordinator_address(), grpc::SslCredentials(authority_only)));
  grpc::ClientContext context;
  const auto stream = stub->Replicate(&context);
  v1::ReplicateRequest hello;
  hello.mutable_hello()->set_node_id(std::string(16, 'x'));
  v1::ReplicateResponse response;
  EXPECT_FALSE(stream->Write(hello) && stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  good_call_.join();
  ASSERT_TRUE(truth_.ok()) << truth_.status();
  ASSERT_TRUE(cluster_->WaitUntilSettled(1, absl::Seconds(60)));
  ExpectEveryPayloadByte(*cluster_, *truth_);
}

TEST_F(BadInputTest, WhoeverNeverSaysWhoHeIsHoldsNoConnectionOfTheCoordinator) {
  const std::string address = cluster_->coordinator_address();
  const sockaddr_in to{
      .sin_family = AF_INET,
      .sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)))),
      .sin_addr = {htonl(INADDR_LOOPBACK)}};
  const int silent = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(connect(silent, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  pollfd closed{.fd = silent, .events = POLLIN};
  EXPECT_EQ(poll(&closed, 1, /*timeout_ms=*/60'000), 1);
  char byte = 0;
  EXPECT_LE(read(silent, &byte, 1), 0);
  close(silent);
}

// A06 in small: whoever is not compliance hears nothing, and the refusal is counted.
TEST_F(BadInputTest, ItCannotPlayAndTheRefusalIsCounted) {
  good_call_.join();
  ASSERT_TRUE(truth_.ok()) << truth_.status();
  ASSERT_TRUE(cluster_->WaitUntilSettled(1, absl::Seconds(60)));
  const nlohmann::json call = FindCall(*cluster_, truth_->calls[0].sip_call_id);
  const CommandResult play = cluster_->Ctl(
      {"play", call["call_id"], "--reason", "test", "-o", cluster_->folder() + "/heard.wav"}, "it");
  EXPECT_NE(play.exit_code, 0);
  EXPECT_GE(MetricSum(cluster_->CoordinatorMetrics(), "turret_access_refused_total"), 1);
}

}  // namespace
}  // namespace turret::test
