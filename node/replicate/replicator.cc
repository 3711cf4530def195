#include "node/replicate/replicator.h"

#include <algorithm>
#include <limits>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "node/replicate/unacknowledged.h"
#include "spdlog/spdlog.h"
#include "storage/base/kill_point.h"
#include "turret/v1/replication.grpc.pb.h"

namespace turret::node {
namespace {

constexpr int kMessageBytesMax = 64 * 1024 * 1024;  // A Welcome holds the whole enrolment.
constexpr size_t kResumeStreamsMax = 1000;
constexpr absl::Duration kWelcomeTimeout = absl::Seconds(10);
constexpr absl::Duration kTick = absl::Seconds(1);
constexpr int kConnectTimeoutMs = 5'000;  // Of one attempt, handshake included: a machine may be busy.
constexpr int kKeepAliveMs = 10'000;
constexpr int kKeepAliveTimeoutMs = 5'000;
constexpr char kSoftwareVersion[] = "turret-node 0.1.0";

using Stream = grpc::ClientReaderWriter<v1::ReplicateRequest, v1::ReplicateResponse>;

std::string ReasonName(v1::Refusal::Reason reason) {
  std::string name = v1::Refusal::Reason_Name(reason);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

uint64_t SizeOfCheckpoint(const std::string& checkpoint) {
  const size_t line = checkpoint.find('\n');
  return line == std::string::npos ? 0 : std::strtoull(checkpoint.c_str() + line + 1, nullptr, 10);
}

}  // namespace

struct Replicator::State {
  State(const ReplicatorOptions& given, std::shared_ptr<grpc::ChannelCredentials> credentials,
        NodeMetrics& node_metrics, Clock& node_clock, OnWelcome welcomed)
      : options(given), metrics(node_metrics), clock(node_clock), on_welcome(std::move(welcomed)) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepAliveMs);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepAliveTimeoutMs);
    // gRPC's own backoff would add to ours.
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
                     static_cast<int>(absl::ToInt64Milliseconds(given.reconnect_min)));
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS,
                     static_cast<int>(absl::ToInt64Milliseconds(given.reconnect_max)));
    stub = v1::Replication::NewStub(
        grpc::CreateCustomChannel(given.coordinator_address, std::move(credentials), arguments));
  }

  void Run();
  bool Connect();
  bool Greet(Stream& stream);
  void SendItems(Stream& stream);
  void ReadAnswers(Stream& stream);
  void HandleWelcome(const v1::Welcome& answer);
  void HandleResume(const v1::ResumeAnswer& answer);
  void HandleAck(const v1::Ack& ack);
  void HandleRefusal(const v1::Refusal& refusal);
  void ShowLag() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  const ReplicatorOptions options;
  NodeMetrics& metrics;
  Clock& clock;
  const OnWelcome on_welcome;
  std::unique_ptr<v1::Replication::Stub> stub;
  std::thread thread;

  absl::Mutex mutex;
  absl::CondVar changed;
  Unacknowledged queue ABSL_GUARDED_BY(mutex);
  bool stopping ABSL_GUARDED_BY(mutex) = false;
  bool broken ABSL_GUARDED_BY(mutex) = false;   // Of the present connection.
  bool welcome ABSL_GUARDED_BY(mutex) = false;  // Came on the present connection.
  std::string checkpoint ABSL_GUARDED_BY(mutex);
  uint64_t checkpoint_size ABSL_GUARDED_BY(mutex) = 0;
  grpc::ClientContext* context ABSL_GUARDED_BY(mutex) = nullptr;
};

void Replicator::State::Run() {
  absl::Duration wait = options.reconnect_min;
  for (;;) {
    const bool was_welcome = Connect();
    wait = was_welcome ? options.reconnect_min : std::min(wait * 2, options.reconnect_max);
    absl::MutexLock lock(&mutex);
    ShowLag();
    if (!stopping) changed.WaitWithTimeout(&mutex, wait);
    if (stopping) return;
  }
}

bool Replicator::State::Connect() {
  grpc::ClientContext client;
  client.set_wait_for_ready(true);  // Only a call that waits drives the handshake on.
  {
    absl::MutexLock lock(&mutex);
    if (stopping) return false;
    context = &client;
    broken = false;
    welcome = false;
    queue.Rewind();
  }
  const std::unique_ptr<Stream> stream = stub->Replicate(&client);
  std::thread reader([&] { ReadAnswers(*stream); });
  const bool greeted = Greet(*stream);
  if (greeted) {
    metrics.ReplicationConnected(true);
    SendItems(*stream);
    metrics.ReplicationConnected(false);
  }
  client.TryCancel();
  reader.join();
  const grpc::Status status = stream->Finish();
  absl::MutexLock lock(&mutex);
  context = nullptr;
  if (!stopping)
    spdlog::warn("coordinator {}: connection ended: {}", options.coordinator_address, status.error_message());
  return greeted;
}

// Hello, the Welcome, and what the other end holds of the streams that wait here.
bool Replicator::State::Greet(Stream& stream) {
  v1::ReplicateRequest hello;
  hello.mutable_hello()->set_node_id(options.node.ToProto());
  hello.mutable_hello()->set_run_id(options.run.ToProto());
  hello.mutable_hello()->set_software_version(kSoftwareVersion);
  hello.mutable_hello()->set_node_utc_ns(absl::ToUnixNanos(clock.Utc()));
  if (!stream.Write(hello)) return false;
  v1::ReplicateRequest resume;
  {
    absl::MutexLock lock(&mutex);
    const absl::Duration deadline = clock.Elapsed() + kWelcomeTimeout;
    while (!welcome && !broken && !stopping && clock.Elapsed() < deadline)
      changed.WaitWithTimeout(&mutex, kTick);
    if (!welcome || stopping) return false;
    for (const StreamId& id : queue.Streams(kResumeStreamsMax))
      resume.mutable_resume()->add_stream_ids(id.ToProto());
  }
  return !resume.has_resume() || stream.Write(resume);
}

void Replicator::State::SendItems(Stream& stream) {
  for (;;) {
    std::optional<v1::ReplicateRequest> next;
    {
      absl::MutexLock lock(&mutex);
      while (queue.all_sent() && !broken && !stopping) {
        changed.WaitWithTimeout(&mutex, kTick);
        ShowLag();
      }
      if (broken || stopping) return;
      next = queue.Next();
    }
    if (!stream.Write(*next)) return;
    KillPoint("sent");
  }
}

void Replicator::State::ReadAnswers(Stream& stream) {
  v1::ReplicateResponse response;
  while (stream.Read(&response)) {
    switch (response.what_case()) {
      case v1::ReplicateResponse::kWelcome:
        HandleWelcome(response.welcome());
        break;
      case v1::ReplicateResponse::kResume:
        HandleResume(response.resume());
        break;
      case v1::ReplicateResponse::kAck:
        HandleAck(response.ack());
        break;
      case v1::ReplicateResponse::kRefusal:
        HandleRefusal(response.refusal());
        break;
      case v1::ReplicateResponse::WHAT_NOT_SET:
        break;
    }
  }
  absl::MutexLock lock(&mutex);
  broken = true;
  changed.SignalAll();
}

void Replicator::State::HandleWelcome(const v1::Welcome& answer) {
  const absl::Status ours = on_welcome(answer);
  if (!ours.ok()) {
    metrics.ReplicationRefused("other_archive");
    spdlog::critical("nothing is sent to {}: {}", options.coordinator_address, ours.ToString());
  }
  absl::MutexLock lock(&mutex);
  (ours.ok() ? welcome : broken) = true;
  changed.SignalAll();
}

// What both ends hold must be the same bytes: another hash under the same name is a fork, and an alarm.
void Replicator::State::HandleResume(const v1::ResumeAnswer& answer) {
  absl::MutexLock lock(&mutex);
  for (const v1::StreamPosition& position : answer.positions()) {
    const absl::StatusOr<StreamId> stream = StreamId::FromProto(position.stream_id());
    if (!stream.ok() || position.segments() == 0) continue;
    const std::optional<Digest> ours = queue.HashOf(*stream, position.segments() - 1);
    if (!ours || *ours == DigestFrom(position.last_segment_hash())) continue;
    metrics.ReplicationRefused("hash_conflict");
    spdlog::critical(
        "stream {} segment {}: the coordinator holds other bytes under this name; keep this node's spool and "
        "run turret-verify on the archive",
        stream->ToHex(), position.segments() - 1);
  }
}

void Replicator::State::HandleAck(const v1::Ack& ack) {
  absl::MutexLock lock(&mutex);
  queue.Acknowledge(ack.through_item());
  KillPoint("acked");
  if (const uint64_t size = SizeOfCheckpoint(ack.checkpoint()); size >= checkpoint_size) {
    checkpoint = ack.checkpoint();
    checkpoint_size = size;
  } else {
    metrics.ReplicationRefused("smaller_tree_head");
    spdlog::critical(
        "the coordinator shows a tree head of {} entries after one of {}: its past was rewritten or restored",
        size, checkpoint_size);
  }
  ShowLag();
  changed.SignalAll();
}

void Replicator::State::HandleRefusal(const v1::Refusal& refusal) {
  metrics.ReplicationRefused(ReasonName(refusal.reason()));
  spdlog::critical("the coordinator refuses item {} for good: {}: {}", refusal.item(),
                   ReasonName(refusal.reason()), refusal.message());
}

void Replicator::State::ShowLag() {
  const absl::Duration oldest =
      queue.empty() ? absl::ZeroDuration() : clock.Utc() - absl::FromUnixNanos(queue.oldest_made_utc_ns());
  metrics.ReplicationLag(std::max(oldest, absl::ZeroDuration()), queue.bytes());
}

Replicator::Replicator(std::unique_ptr<State> state) : state_(std::move(state)) {}

absl::StatusOr<std::unique_ptr<Replicator>> Replicator::Create(
    const ReplicatorOptions& options, std::shared_ptr<grpc::ChannelCredentials> credentials,
    NodeMetrics& metrics, Clock& clock, OnWelcome on_welcome) {
  if (options.coordinator_address.empty() || credentials == nullptr)
    return absl::InvalidArgumentError("replication needs the coordinator's address and credentials");
  return std::unique_ptr<Replicator>(new Replicator(
      std::make_unique<State>(options, std::move(credentials), metrics, clock, std::move(on_welcome))));
}

void Replicator::Start() {
  state_->thread = std::thread([state = state_.get()] { state->Run(); });
}

void Replicator::Stop(absl::Duration timeout) {
  {
    absl::MutexLock lock(&state_->mutex);
    const absl::Duration deadline = state_->clock.Elapsed() + timeout;
    while (!state_->queue.empty() && !state_->stopping && state_->clock.Elapsed() < deadline)
      state_->changed.WaitWithTimeout(&state_->mutex, std::min(kTick, deadline - state_->clock.Elapsed()));
    state_->stopping = true;
    if (state_->context != nullptr) state_->context->TryCancel();
    state_->changed.SignalAll();
  }
  if (state_->thread.joinable()) state_->thread.join();
}

bool Replicator::Push(Item item) {
  absl::MutexLock lock(&state_->mutex);
  while (state_->queue.bytes() >= state_->options.queue_bytes_max && !state_->stopping)
    state_->changed.Wait(&state_->mutex);
  if (state_->stopping) return false;
  state_->queue.Push(std::move(item));
  state_->changed.SignalAll();
  return true;
}

uint64_t Replicator::OldestNeeded() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->queue.OldestPosition();
}

std::string Replicator::LastCheckpoint() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->checkpoint;
}

Replicator::~Replicator() { Stop(absl::ZeroDuration()); }

}  // namespace turret::node
