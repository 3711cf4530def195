#include "proto/rpc/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "fmt/format.h"
#include "tests/support/support.h"
#include "turret/v1/access.grpc.pb.h"

namespace turret {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

void Make(const std::string& directory, std::string_view what) {
  const std::string command =
      fmt::format("{}/make-certificates {} {}", TURRET_DEPLOY_DIRECTORY, directory, what);
  ASSERT_EQ(std::system(command.c_str()), 0);
}

TlsFiles Files(const std::string& directory, std::string_view name) {
  return {.authority = directory + "/authority.pem",
          .certificate = fmt::format("{}/{}.pem", directory, name),
          .key = fmt::format("{}/{}.key", directory, name)};
}

// Answers with who asked.
class WhoAmI final : public v1::Access::Service {
  grpc::Status GetTreeHead(grpc::ServerContext* context, const v1::TreeHeadRequest*,
                           v1::TreeHead* head) override {
    const absl::StatusOr<Peer> peer = PeerOf(*context);
    if (!peer.ok()) return {grpc::StatusCode::UNAUTHENTICATED, std::string(peer.status().message())};
    head->set_checkpoint(fmt::format("{}|{}|{}", peer->common_name, peer->role, peer->certificate_digest));
    return grpc::Status::OK;
  }
};

class CredentialsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new test::TemporaryFolder;
    Make(*folder_ / "tls", "coordinator:coordinator node:node-1 compliance:ada it:ops");
    Make(*folder_ / "others", "coordinator:coordinator node:node-1");
  }
  static void TearDownTestSuite() { delete folder_; }

  void Serve(const TlsFiles& files) {
    auto credentials = MakeServerCredentials(files);
    ASSERT_TRUE(credentials.ok()) << credentials.status();
    server_ = grpc::ServerBuilder()
                  .AddListeningPort("127.0.0.1:0", *credentials, &port_)
                  .RegisterService(&service_)
                  .BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }

  grpc::Status Ask(std::shared_ptr<grpc::ChannelCredentials> credentials, v1::TreeHead& head) {
    auto stub = v1::Access::NewStub(grpc::CreateChannel(fmt::format("localhost:{}", port_), credentials));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    return stub->GetTreeHead(&context, {}, &head);
  }

  std::string Ours() const { return *folder_ / "tls"; }
  std::string Others() const { return *folder_ / "others"; }

  static test::TemporaryFolder* folder_;
  WhoAmI service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};
test::TemporaryFolder* CredentialsTest::folder_ = nullptr;

TEST_F(CredentialsTest, TheServerLearnsNameRoleAndDigestOfItsPeer) {
  Serve(Files(Ours(), "coordinator"));
  v1::TreeHead head;
  for (const auto& [name, role] : {std::pair{"node-1", "node"}, {"ada", "compliance"}, {"ops", "it"}}) {
    const auto credentials = MakeChannelCredentials(Files(Ours(), name));
    ASSERT_TRUE(credentials.ok()) << credentials.status();
    const grpc::Status status = Ask(*credentials, head);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_THAT(head.checkpoint(), MatchesRegex(fmt::format("{}\\|{}\\|[0-9a-f]{{64}}", name, role)));
  }
}

TEST_F(CredentialsTest, AClientWithoutACertificateIsRefused) {
  Serve(Files(Ours(), "coordinator"));
  v1::TreeHead head;
  std::ifstream authority(Ours() + "/authority.pem");
  const std::string pem((std::istreambuf_iterator<char>(authority)), {});
  EXPECT_FALSE(Ask(grpc::SslCredentials({.pem_root_certs = pem}), head).ok());
  EXPECT_FALSE(Ask(grpc::InsecureChannelCredentials(), head).ok());
}

TEST_F(CredentialsTest, AClientOfAnotherAuthorityIsRefused) {
  Serve(Files(Ours(), "coordinator"));
  TlsFiles files = Files(Others(), "node-1");
  files.authority = Ours() + "/authority.pem";
  v1::TreeHead head;
  EXPECT_FALSE(Ask(*MakeChannelCredentials(files), head).ok());
}

TEST_F(CredentialsTest, AServerOfAnotherAuthorityOrWithAClientsCertificateIsRefused) {
  v1::TreeHead head;
  Serve(Files(Others(), "coordinator"));
  TlsFiles files = Files(Ours(), "node-1");
  EXPECT_FALSE(Ask(*MakeChannelCredentials(files), head).ok());
  server_.reset();
  Serve(Files(Ours(), "ops"));  // A certificate that may not serve: nobody can play the coordinator with it.
  EXPECT_FALSE(Ask(*MakeChannelCredentials(files), head).ok());
}

TEST_F(CredentialsTest, FilesThatCannotWorkAreToldBeforeTheFirstConnection) {
  TlsFiles files = Files(Ours(), "coordinator");
  files.key = Ours() + "/node-1.key";
  absl::Status status = MakeServerCredentials(files).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("not the private key of"));
  files.key = Ours() + "/none.key";
  EXPECT_EQ(MakeChannelCredentials(files).status().code(), absl::StatusCode::kNotFound);
  files = Files(Ours(), "coordinator");
  files.authority = files.key;
  EXPECT_EQ(MakeChannelCredentials(files).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace turret
