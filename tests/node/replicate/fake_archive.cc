#include "tests/node/replicate/fake_archive.h"

#include "fmt/format.h"
#include "storage/segment/segment.h"

namespace turret::node {

FakeArchive::~FakeArchive() { Shutdown(); }

void FakeArchive::Listen() {
  grpc::ServerBuilder builder;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort(fmt::format("127.0.0.1:{}", port_), grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
}

void FakeArchive::Shutdown() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

std::string FakeArchive::address() const { return fmt::format("127.0.0.1:{}", port_); }

std::vector<std::string> FakeArchive::stored() const {
  absl::MutexLock lock(&mutex_);
  return stored_;
}

size_t FakeArchive::received() const {
  absl::MutexLock lock(&mutex_);
  return received_;
}

int FakeArchive::connections() const {
  absl::MutexLock lock(&mutex_);
  return connections_;
}

std::vector<v1::Hello> FakeArchive::hellos() const {
  absl::MutexLock lock(&mutex_);
  return hellos_;
}

size_t FakeArchive::resume_queries() const {
  absl::MutexLock lock(&mutex_);
  return resume_queries_;
}

bool FakeArchive::WaitForReceived(size_t count, absl::Duration timeout) const {
  const auto there = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return received_ >= count; };
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&there), timeout);
}

void FakeArchive::SetPosition(const v1::StreamPosition& position) {
  absl::MutexLock lock(&mutex_);
  positions_[position.stream_id()] = position;
}

grpc::Status FakeArchive::Replicate(grpc::ServerContext*, Stream* stream) {
  {
    absl::MutexLock lock(&mutex_);
    ++connections_;
  }
  if (says_welcome) {
    v1::ReplicateResponse welcome;
    welcome.mutable_welcome()->set_ledger_id("0123456789abcdef");
    stream->Write(welcome);
  }
  v1::ReplicateRequest request;
  uint64_t unacknowledged = 0;
  while (stream->Read(&request)) {
    if (request.has_hello()) {
      absl::MutexLock lock(&mutex_);
      hellos_.push_back(request.hello());
    } else if (request.has_resume()) {
      Answer(*stream, request.resume());
    } else if (!Take(*stream, request, unacknowledged)) {
      return grpc::Status(grpc::StatusCode::UNAVAILABLE, "broken by the test");
    }
  }
  return grpc::Status::OK;
}

void FakeArchive::Answer(Stream& stream, const v1::ResumeQuery& query) {
  v1::ReplicateResponse response;
  {
    absl::MutexLock lock(&mutex_);
    ++resume_queries_;
    for (const std::string& id : query.stream_ids()) {
      v1::StreamPosition& position = *response.mutable_resume()->add_positions();
      position = positions_[id];
      position.set_stream_id(id);
    }
  }
  stream.Write(response);
}

bool FakeArchive::Take(Stream& stream, const v1::ReplicateRequest& request, uint64_t& unacknowledged) {
  v1::ReplicateRequest body = request;
  body.clear_item();
  std::string bytes = body.SerializeAsString();
  const bool refused =
      request.has_segment() &&
      refused_segments.contains(ReadSegmentHeader(AsBytes(request.segment().sealed()))->names.sequence);
  bool breaks_here;
  {
    absl::MutexLock lock(&mutex_);
    breaks_here = breaks.contains(received_++);
    if (!refused && known_.insert(bytes).second) stored_.push_back(std::move(bytes));
  }
  if (breaks_here && breaks_before_ack) return false;
  if (refused) {
    v1::ReplicateResponse response;
    response.mutable_refusal()->set_item(request.item());
    response.mutable_refusal()->set_reason(v1::Refusal::BROKEN_CHAIN);
    stream.Write(response);
  }
  if (++unacknowledged >= group || breaks_here) {
    Acknowledge(stream, request.item());
    unacknowledged = 0;
  }
  return !breaks_here;
}

void FakeArchive::Acknowledge(Stream& stream, uint64_t item) {
  if (!acknowledges) return;
  v1::ReplicateResponse response;
  response.mutable_ack()->set_through_item(item);
  {
    absl::MutexLock lock(&mutex_);
    response.mutable_ack()->set_checkpoint(fmt::format("turret/test\n{}\nroot\n", stored_.size()));
  }
  stream.Write(response);
}

}  // namespace turret::node
