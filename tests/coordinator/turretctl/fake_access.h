// A coordinator that answers turretctl within the process, and a turretctl that writes into strings.
#pragma once

#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "tests/support/support.h"
#include "turret/v1/access.grpc.pb.h"

namespace turret::test {

inline constexpr int64_t kStartUtcNs = 1'795'510'800'000'000'000;  // 2026-11-24 09:00:00 UTC

/// A call with two streams and a gap; its id is `first_byte`, then 15 bytes of 0xAB.
v1::CallSummary SomeCall(uint8_t first_byte);
/// Ten hours that add up, in milliseconds only after rounding.
v1::CoverageReport SomeCoverage();

/// What it answers can be set before a command runs; what it was asked is kept.
class FakeAccess final : public v1::Access::Service {
 public:
  std::vector<v1::CallSummary> calls;
  std::vector<v1::PlayChunk> play;
  std::vector<v1::ExportChunk> exported;
  std::vector<v1::Line> lines;
  v1::CoverageReport coverage = SomeCoverage();
  v1::TreeHead head;
  v1::CheckIndexReport index;
  grpc::Status status;  // At the end of every answer.

  v1::FindCallsRequest find_request;
  v1::PlayRequest play_request;
  v1::ExportRequest export_request;
  v1::CoverageRequest coverage_request;

  grpc::Status FindCalls(grpc::ServerContext*, const v1::FindCallsRequest* request,
                         grpc::ServerWriter<v1::CallSummary>* writer) override;
  grpc::Status Play(grpc::ServerContext*, const v1::PlayRequest* request,
                    grpc::ServerWriter<v1::PlayChunk>* writer) override;
  grpc::Status Coverage(grpc::ServerContext*, const v1::CoverageRequest* request,
                        v1::CoverageReport* report) override;
  grpc::Status GetTreeHead(grpc::ServerContext*, const v1::TreeHeadRequest*, v1::TreeHead* answer) override;
  grpc::Status Export(grpc::ServerContext*, const v1::ExportRequest* request,
                      grpc::ServerWriter<v1::ExportChunk>* writer) override;
  grpc::Status ListLines(grpc::ServerContext*, const v1::ListLinesRequest*,
                         grpc::ServerWriter<v1::Line>* writer) override;
  grpc::Status CheckIndex(grpc::ServerContext*, const v1::CheckIndexRequest*,
                          v1::CheckIndexReport* report) override;
};

/// Runs turretctl against a FakeAccess, at 2026-11-24 09:02:03 UTC.
class Turretctl {
 public:
  Turretctl();
  ~Turretctl();

  FakeAccess access;
  std::map<std::string, std::string> environment{{"TURRET_COORDINATOR", "c:1"},
                                                 {"TURRET_CA", "ca.pem"},
                                                 {"TURRET_CERT", "cert.pem"},
                                                 {"TURRET_KEY", "key.pem"}};
  bool terminal = false;

  struct Result {
    int exit_code = 0;
    std::string out;
    std::string err;
  };
  Result Run(const std::vector<std::string>& arguments);

 private:
  ManualClock clock_{absl::FromUnixSeconds(1'795'510'923)};
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace turret::test
