#include "coordinator/ingest/replication_connection.h"

#include "absl/time/time.h"
#include "fmt/format.h"
#include "storage/base/kill_point.h"

namespace turret::coordinator {
namespace {

constexpr int kResumeStreamsMax = 10'000;
constexpr size_t kResponsesWaitingMax = 100;  // A node that asks and does not listen is read no further.

grpc::Status Invalid(std::string_view what) {
  return {grpc::StatusCode::INVALID_ARGUMENT, std::string(what)};
}

grpc::Status Unavailable(const absl::Status& why) {
  return {grpc::StatusCode::UNAVAILABLE, std::string(why.message())};
}

}  // namespace

void ReplicationConnection::Start() {
  absl::MutexLock lock(&mutex_);
  Read();
}

void ReplicationConnection::Read() {
  if (reading_ || half_closed_ || finished_ || bytes_waiting_ + bytes_submitted_ > kConnectionBytesMax ||
      responses_.size() >= kResponsesWaitingMax)
    return;
  reading_ = true;
  StartRead(&incoming_);
}

void ReplicationConnection::OnReadDone(bool ok) {
  {
    absl::MutexLock lock(&mutex_);
    reading_ = false;
    if (!ok) {
      half_closed_ = true;
      FinishWhenQuiet();
      return;
    }
    if (finished_) return;
    if (const grpc::Status status = Take(incoming_); !status.ok()) return FinishOnce(status);
    Read();
  }
  Submit();
}

grpc::Status ReplicationConnection::Take(v1::ReplicateRequest& request) {
  switch (request.what_case()) {
    case v1::ReplicateRequest::kHello:
      return TakeHello(request.hello());
    case v1::ReplicateRequest::kResume:
      return node_ ? TakeResume(request.resume()) : Invalid("hello must come first");
    case v1::ReplicateRequest::kUnit:
    case v1::ReplicateRequest::kSegment:
    case v1::ReplicateRequest::kFact:
      return node_ ? TakeItem(request) : Invalid("hello must come first");
    case v1::ReplicateRequest::WHAT_NOT_SET:
      break;
  }
  return Invalid("a request of no kind that is known here");
}

grpc::Status ReplicationConnection::TakeHello(const v1::Hello& hello) {
  if (node_) return Invalid("hello twice");
  const absl::StatusOr<NodeId> node = NodeId::FromProto(hello.node_id());
  if (!node.ok()) return Invalid("hello: the node id is no id");
  node_ = *node;
  service_.attendance_.Arrived(*node);
  const absl::Duration divergence =
      service_.archive_.clock().Utc() - absl::FromUnixNanos(hello.node_utc_ns());
  service_.metrics_.NodeClockDivergence(peer_.common_name, absl::AbsDuration(divergence));
  return QueueWelcome();
}

grpc::Status ReplicationConnection::QueueWelcome() {
  absl::StatusOr<v1::Welcome> welcome = service_.archive_.MakeWelcome();
  if (!welcome.ok()) return Unavailable(welcome.status());
  v1::ReplicateResponse response;
  *response.mutable_welcome() = *std::move(welcome);
  Queue(std::move(response));
  return grpc::Status::OK;
}

grpc::Status ReplicationConnection::TakeResume(const v1::ResumeQuery& query) {
  if (query.stream_ids_size() > kResumeStreamsMax)
    return Invalid(fmt::format("resume: over {} streams in one query", kResumeStreamsMax));
  absl::StatusOr<v1::ResumeAnswer> answer = service_.archive_.Resume(query);
  if (absl::IsInvalidArgument(answer.status())) return Invalid("resume: a stream id is no id");
  if (!answer.ok()) return Unavailable(answer.status());
  v1::ReplicateResponse response;
  *response.mutable_resume() = *std::move(answer);
  Queue(std::move(response));
  return grpc::Status::OK;
}

grpc::Status ReplicationConnection::TakeItem(v1::ReplicateRequest& request) {
  if (request.item() != items_last_ + 1)
    return Invalid(fmt::format("item {} came after item {}", request.item(), items_last_));
  if (request.fact().has_presence())
    service_.metrics_.NodeClockDivergence(peer_.common_name,
                                          absl::Nanoseconds(request.fact().presence().clock_divergence_ns()));
  items_last_ = request.item();
  bytes_waiting_ += request.ByteSizeLong();
  items_.push_back(std::move(request));
  return grpc::Status::OK;
}

// One batch of a connection is with the committer at a time: what comes meanwhile is the next.
void ReplicationConnection::Submit() {
  std::vector<v1::ReplicateRequest> items;
  NodeId node;
  {
    absl::MutexLock lock(&mutex_);
    if (batch_running_ || items_.empty() || finished_) return;
    batch_running_ = true;
    items.swap(items_);
    bytes_submitted_ = std::exchange(bytes_waiting_, 0);
    node = *node_;
  }
  const uint64_t first_item = items.front().item();
  KillPoint("batch_read");
  service_.archive_.Submit(node, std::move(items),
                           [self = shared_from_this(), first_item](
                               const absl::Status& status, const auto& outcomes, const v1::TreeHead& head) {
                             self->Committed(first_item, status, outcomes, head);
                           });
}

void ReplicationConnection::Committed(uint64_t first_item, const absl::Status& status,
                                      const std::vector<ItemOutcome>& outcomes, const v1::TreeHead& head) {
  {
    absl::MutexLock lock(&mutex_);
    batch_running_ = false;
    bytes_submitted_ = 0;
    if (!status.ok()) return FinishOnce(Unavailable(status));
    for (size_t i = 0; i < outcomes.size(); ++i) {
      if (outcomes[i].kind != ItemOutcome::kRefused) continue;
      v1::ReplicateResponse response;
      response.mutable_refusal()->set_item(first_item + i);
      response.mutable_refusal()->set_reason(outcomes[i].reason);
      response.mutable_refusal()->set_message(outcomes[i].message);
      Queue(std::move(response));
    }
    v1::ReplicateResponse response;
    response.mutable_ack()->set_through_item(first_item + outcomes.size() - 1);
    response.mutable_ack()->set_checkpoint(head.checkpoint());
    Queue(std::move(response));
    Read();
  }
  Submit();
  absl::MutexLock lock(&mutex_);
  FinishWhenQuiet();
}

void ReplicationConnection::WelcomeAgain() {
  absl::MutexLock lock(&mutex_);
  if (!node_) return;
  if (const grpc::Status status = QueueWelcome(); !status.ok()) FinishOnce(status);
}

void ReplicationConnection::Queue(v1::ReplicateResponse response) {
  responses_.push_back(std::move(response));
  WriteNext();
}

void ReplicationConnection::WriteNext() {
  if (writing_ || finished_ || responses_.empty()) return;
  writing_ = true;
  outgoing_ = std::move(responses_.front());
  responses_.pop_front();
  StartWrite(&outgoing_);
}

void ReplicationConnection::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  if (!ok) return FinishOnce({grpc::StatusCode::UNAVAILABLE, "the connection broke"});
  if (outgoing_.has_ack()) KillPoint("ack_sent");
  WriteNext();
  Read();
  FinishWhenQuiet();
}

void ReplicationConnection::FinishWhenQuiet() {
  if (half_closed_ && !batch_running_ && items_.empty() && responses_.empty() && !writing_)
    FinishOnce(grpc::Status::OK);
}

void ReplicationConnection::FinishOnce(const grpc::Status& status) {
  if (std::exchange(finished_, true)) return;
  Finish(status);
}

void ReplicationConnection::OnCancel() {
  absl::MutexLock lock(&mutex_);
  FinishOnce(grpc::Status::CANCELLED);
}

void ReplicationConnection::OnDone() {
  {
    absl::MutexLock lock(&mutex_);
    if (node_) service_.attendance_.Left(*node_, service_.archive_.clock().Elapsed());
  }
  service_.Remove(shared_from_this());
}

}  // namespace turret::coordinator
