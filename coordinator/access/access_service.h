// The Access service: checks who asks, then hands the question to search, replay, coverage or export.
#pragma once

#include <string>

#include "absl/base/attributes.h"
#include "coordinator/access/roles.h"
#include "coordinator/ingest/archive.h"
#include "monitoring/metrics.h"
#include "turret/v1/access.grpc.pb.h"

namespace turret::coordinator {

/// Thread-safe: gRPC calls it from many threads. What it borrows must outlive it.
class AccessService final : public v1::Access::Service {
 public:
  /// `scratch` is a folder for index checks; what is in it may be removed at any time.
  AccessService(Archive& archive ABSL_ATTRIBUTE_LIFETIME_BOUND,
                AccessRefusals& refusals ABSL_ATTRIBUTE_LIFETIME_BOUND,
                CoordinatorMetrics& metrics ABSL_ATTRIBUTE_LIFETIME_BOUND, std::string scratch);

  grpc::Status FindCalls(grpc::ServerContext* context, const v1::FindCallsRequest* request,
                         grpc::ServerWriter<v1::CallSummary>* writer) override;
  grpc::Status Play(grpc::ServerContext* context, const v1::PlayRequest* request,
                    grpc::ServerWriter<v1::PlayChunk>* writer) override;
  grpc::Status Coverage(grpc::ServerContext* context, const v1::CoverageRequest* request,
                        v1::CoverageReport* report) override;
  grpc::Status GetTreeHead(grpc::ServerContext* context, const v1::TreeHeadRequest* request,
                           v1::TreeHead* head) override;
  grpc::Status Export(grpc::ServerContext* context, const v1::ExportRequest* request,
                      grpc::ServerWriter<v1::ExportChunk>* writer) override;
  grpc::Status ListLines(grpc::ServerContext* context, const v1::ListLinesRequest* request,
                         grpc::ServerWriter<v1::Line>* writer) override;
  grpc::Status CheckIndex(grpc::ServerContext* context, const v1::CheckIndexRequest* request,
                          v1::CheckIndexReport* report) override;

 private:
  Archive& archive_;
  AccessRefusals& refusals_;
  CoordinatorMetrics& metrics_;
  const std::string scratch_;
  absl::Mutex check_mutex_;  // One index check at a time: guards the folder scratch_.
};

}  // namespace turret::coordinator
