#include "tests/coordinator/ingest/server_fixture.h"

#include "fmt/format.h"
#include "tests/support/process.h"

namespace turret::test {

TemporaryFolder* ServerFixture::certificates_ = nullptr;

void ServerFixture::SetUpTestSuite() {
  certificates_ = new TemporaryFolder;
  const CommandResult made =
      test::Run({std::string(TURRET_DEPLOY_DIRECTORY) + "/make-certificates", certificates_->path(),
                 "coordinator:coordinator", "node:node-1", "compliance:ada", "it:ops"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
}

void ServerFixture::TearDownTestSuite() {
  delete certificates_;
  certificates_ = nullptr;
}

TlsFiles ServerFixture::Files(const std::string& name) {
  return {.authority = *certificates_ / "authority.pem",
          .certificate = *certificates_ / (name + ".pem"),
          .key = *certificates_ / (name + ".key")};
}

void ServerFixture::SetUp() {
  OpenOrDie();
  refusals_ = std::make_unique<coordinator::AccessRefusals>(*archive_, metrics_);
  replication_ = std::make_unique<coordinator::ReplicationService>(*archive_, *refusals_, metrics_);
  auto credentials = MakeServerCredentials(Files("coordinator"));
  ASSERT_TRUE(credentials.ok()) << credentials.status();
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", *credentials, &port_);
  builder.SetMaxReceiveMessageSize(coordinator::kReplicationMessageBytesMax);
  builder.RegisterService(replication_.get());
  Register(builder);
  server_ = builder.BuildAndStart();
  ASSERT_NE(server_, nullptr);
}

void ServerFixture::StopServer() {
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
  if (archive_ != nullptr) EXPECT_TRUE(archive_->Close().ok() || !archive_->health().ok());
  server_.reset();
  replication_.reset();
}

std::shared_ptr<grpc::Channel> ServerFixture::ChannelAs(const std::string& name) const {
  const auto credentials = MakeChannelCredentials(Files(name));
  EXPECT_TRUE(credentials.ok()) << credentials.status();
  return grpc::CreateChannel(fmt::format("localhost:{}", port_), *credentials);
}

std::vector<v1::EntryBody> ServerFixture::Bodies(v1::EntryKind kind) const {
  std::vector<v1::EntryBody> bodies;
  for (uint64_t at = 0; at < archive_->ledger().Head().size(); ++at) {
    const auto entry = archive_->ReadEntry(at);
    EXPECT_TRUE(entry.ok()) << entry.status();
    if (entry.ok() && entry->leaf.kind() == kind && entry->body) bodies.push_back(*entry->body);
  }
  return bodies;
}

}  // namespace turret::test
