// A recording server on loopback with the session fixture behind it.
#pragma once

#include <poll.h>

#include <memory>
#include <string>

#include "fmt/format.h"
#include "node/session/sip_server.h"
#include "tests/node/session/raw_sip.h"
#include "tests/node/session/session_fixture.h"

namespace turret::node::test {

class SipFixture : public SessionFixture {
 protected:
  using SessionFixture::SessionFixture;
  void SetUp() override { Start({.udp = "127.0.0.1:0", .tcp = "127.0.0.1:0"}); }
  void Start(const SipOptions& options) {
    auto server = SipServer::Start(options, *parts_, *journal_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  /// As kill -9, and a new process on what it left: same SIP ports, same journal from disk, nobody told.
  void Restart() {
    const SipOptions options{.udp = fmt::format("127.0.0.1:{}", server_->udp_port()),
                             .tcp = fmt::format("127.0.0.1:{}", server_->tcp_port())};
    ASSERT_TRUE(server_->Leave().ok());
    server_.reset();
    journal_ =
        SessionJournal::Open(environment_, folder_ / "sessions", journal_key_.Clone(), random_).value();
    Start(options);
  }
  RawSip Client(bool tcp) { return RawSip(tcp ? server_->tcp_port() : server_->udp_port(), tcp); }

  /// An established call; `invite` and `ok` are what went and came.
  struct Call {
    RequestSpec invite;
    std::string ok;
  };
  Call Establish(RawSip& client, const std::string& call_id) {
    return Establish(client, MakeInvite(call_id, MakeSdp({{"1"}, {"2"}}),
                                        MakeMetadata({"sip:ada@bank.example", "sip:m@client.example"})));
  }
  Call Establish(RawSip& client, const RequestSpec& invite) {
    client.Send(MakeRequest(client, invite));
    Call call{invite, client.ReceiveFinal()};
    EXPECT_EQ(StatusOf(call.ok), 200) << call.ok;
    client.Send(MakeRequest(client, Next(invite, call.ok, "ACK", invite.cseq)));
    return call;
  }
  std::string Ask(RawSip& client, const RequestSpec& request) {
    client.Send(MakeRequest(client, request));
    return client.ReceiveFinal();
  }
  void Bye(RawSip& client, const Call& call, int cseq = 100) {
    EXPECT_EQ(StatusOf(Ask(client, Next(call.invite, call.ok, "BYE", cseq))), 200);
  }
  /// Waits until the node's presence record says that it refused for this reason so often.
  bool WaitForRefused(const std::string& reason, uint64_t times) {
    v1::Presence record;
    for (int attempt = 0; attempt < 250; ++attempt) {
      clock_.Advance(absl::Milliseconds(1));
      record = presence_.Close({}).at(0).presence();
      const auto found = record.refused().find(reason);
      if (found != record.refused().end() && found->second == times) return true;
      (void)poll(nullptr, 0, 20);  // The server's own thread counts.
    }
    for (const auto& [why, count] : record.refused()) ADD_FAILURE() << "refused as " << why << ": " << count;
    return false;
  }

  std::unique_ptr<SipServer> server_;
};

}  // namespace turret::node::test
