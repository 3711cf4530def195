// The coordinator's services over real mutual TLS on loopback, in front of an archive of their own.
#pragma once

#include <memory>
#include <string>

#include "coordinator/ingest/access_refusals.h"
#include "coordinator/ingest/replication_service.h"
#include "grpcpp/grpcpp.h"
#include "proto/rpc/credentials.h"
#include "tests/coordinator/ingest/archive_fixture.h"

namespace turret::test {

class ServerFixture : public ArchiveFixture {
 protected:
  /// Certificates with the roles node ("node-1"), compliance ("ada") and it ("ops"), once for all tests of a
  /// suite.
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  static TlsFiles Files(const std::string& name);

  void SetUp() override;
  void TearDown() override { StopServer(); }
  /// Further services of the same server.
  virtual void Register(grpc::ServerBuilder&) {}
  void StopServer();

  std::shared_ptr<grpc::Channel> ChannelAs(const std::string& name) const;
  /// Bodies of one kind in the ledger, opened, oldest first.
  std::vector<v1::EntryBody> Bodies(v1::EntryKind kind) const;

  std::unique_ptr<coordinator::AccessRefusals> refusals_;
  std::unique_ptr<coordinator::ReplicationService> replication_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;

 private:
  static TemporaryFolder* certificates_;
};

}  // namespace turret::test
