// A node's end of replication, as plain as can be.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "storage/base/ids.h"
#include "turret/v1/replication.grpc.pb.h"

namespace turret::test {

/// One connection of a node; numbers the items. Not thread-safe.
class Connection {
 public:
  enum class Patience { kNone, kUntilReady };  // Of a channel whose peer is not there.
  explicit Connection(const std::shared_ptr<grpc::Channel>& channel, Patience patience = Patience::kNone)
      : stub_(v1::Replication::NewStub(channel)) {
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    context_.set_wait_for_ready(patience == Patience::kUntilReady);
    stream_ = stub_->Replicate(&context_);
  }
  bool Hello(NodeId node) {
    v1::ReplicateRequest request;
    request.mutable_hello()->set_node_id(node.ToProto());
    return stream_->Write(request);
  }
  bool Send(v1::ReplicateRequest item) {
    item.set_item(++items_);
    return stream_->Write(item);
  }
  bool SendRaw(const v1::ReplicateRequest& request) { return stream_->Write(request); }
  /// Of no kind when the stream has ended.
  v1::ReplicateResponse Read() {
    v1::ReplicateResponse response;
    stream_->Read(&response);
    return response;
  }
  /// Reads until `item` is acknowledged; what else came on the way.
  std::vector<v1::ReplicateResponse> ReadUntilAcknowledged(uint64_t item) {
    std::vector<v1::ReplicateResponse> others;
    for (v1::ReplicateResponse response; stream_->Read(&response);) {
      if (response.has_ack() && response.ack().through_item() >= item) {
        last_ack_ = response.ack();
        return others;
      }
      if (!response.has_ack()) others.push_back(response);
    }
    ADD_FAILURE() << "the stream ended before item " << item << " was acknowledged";
    return others;
  }
  const v1::Ack& last_ack() const { return last_ack_; }
  /// Reads to the end, and how it ended.
  grpc::Status Finish() {
    stream_->WritesDone();
    for (v1::ReplicateResponse response; stream_->Read(&response);)
      if (response.has_ack()) last_ack_ = response.ack();
    return stream_->Finish();
  }

 private:
  const std::unique_ptr<v1::Replication::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::ReplicateRequest, v1::ReplicateResponse>> stream_;
  uint64_t items_ = 0;
  v1::Ack last_ack_;
};

}  // namespace turret::test
