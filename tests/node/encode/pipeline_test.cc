#include "node/encode/pipeline.h"

#include <algorithm>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "tests/node/encode/recorder_fixture.h"

namespace turret::node {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

/// Collects items; may be full, until it is stopped.
class FakeSink final : public ItemSink {
 public:
  bool Push(Item item) override {
    absl::MutexLock lock(&mutex_, absl::Condition(this, &FakeSink::Ready));
    if (stopped_) return false;
    items_.push_back(std::move(item));
    return true;
  }
  void SetRoom(size_t room) {
    absl::MutexLock lock(&mutex_);
    room_ = room;
  }
  void Stop() {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  bool WaitFor(size_t count) {
    const auto there = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return items_.size() >= count; };
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&there), kPatience);
  }
  const std::vector<Item>& items() const ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return items_;
  }  // Once all stopped.

 private:
  bool Ready() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopped_ || items_.size() < room_; }
  absl::Mutex mutex_;
  std::vector<Item> items_ ABSL_GUARDED_BY(mutex_);
  size_t room_ ABSL_GUARDED_BY(mutex_) = SIZE_MAX;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

std::string CallIdOf(const Item& item) {
  if (const auto* fact = std::get_if<v1::Fact>(&item.what)) return fact->call_id();
  if (const auto* unit = std::get_if<v1::UnitOpened>(&item.what)) return unit->call_id();
  return {};
}

class PipelineTest : public testing::Test {
 protected:
  struct Call {
    CallId id;
    UnitId unit;
    StreamId stream;
    RtpSource source{};
  };

  PipelineTest() {
    SpoolOptions options;
    options.directory = folder_ / "spool";
    spool_ = *Spool::Open(options, environment_, SecretKey::Make(random_), clock_, random_);
  }
  std::unique_ptr<Pipeline> Make(int workers) {
    auto pipeline = Pipeline::Create({.workers = workers}, *spool_, keys_, sink_, metrics_, clock_, random_);
    EXPECT_TRUE(pipeline.ok()) << pipeline.status();
    return *std::move(pipeline);
  }
  Call BeginCall() {
    Call call{.id = CallId::Make(random_), .unit = UnitId::Make(random_), .stream = StreamId::Make(random_)};
    EXPECT_TRUE(
        spool_->AppendUnitKey({call.unit, call.id, "mifid", "2026-09-21", SecretKey::Make(random_)}).ok());
    v1::Fact fact = FactOf(call, 0);
    fact.mutable_call_started()->set_answered_utc_ns(kAnswered);
    EXPECT_TRUE(spool_->AppendFact(fact).ok());
    v1::StreamOpened& opened = *fact.mutable_stream_opened();
    opened.set_stream_id(call.stream.ToProto());
    opened.set_unit_id(call.unit.ToProto());
    opened.set_payload_type(8);
    opened.set_codec("PCMA");
    opened.set_clock_rate_hz(8000);
    opened.set_policy(v1::POLICY_EXACT);
    opened.set_storage_class("mifid");
    opened.set_day("2026-09-21");
    EXPECT_TRUE(spool_->AppendFact(fact).ok());
    return call;
  }
  void Talk(Call& call, int64_t begin_ms, int packets) {
    for (int i = 0; i < packets; ++i) {
      const Buffer datagram = call.source.Next(Buffer(160, 0x55));
      const Datagram record{
          .stream = call.stream, .arrival_utc_ns = kAnswered + (begin_ms + 20 * i) * kMs, .bytes = datagram};
      EXPECT_TRUE(spool_->AppendDatagrams({&record, 1}).ok());
    }
  }
  void EndCall(const Call& call, int64_t at_ms) {
    v1::Fact fact = FactOf(call, at_ms);
    fact.mutable_call_ended()->set_ended_utc_ns(fact.utc_ns());
    EXPECT_TRUE(spool_->AppendFact(fact).ok());
  }
  v1::Fact FactOf(const Call& call, int64_t at_ms) {
    v1::Fact fact;
    fact.set_fact_id(FactId::Make(random_).ToProto());
    fact.set_call_id(call.id.ToProto());
    fact.set_utc_ns(kAnswered + at_ms * kMs);
    return fact;
  }
  void Commit() { EXPECT_TRUE(spool_->Commit().ok()); }

  test::SeededRandom random_{test::Seed(21)};
  test::ManualClock clock_{absl::FromUnixNanos(kAnswered)};
  test::TemporaryFolder folder_;
  PosixEnvironment environment_;
  NodeMetrics metrics_;
  FakeKeys keys_{random_};
  FakeSink sink_;
  std::unique_ptr<Spool> spool_;
};

TEST_F(PipelineTest, CallsOfManyWorkersComeOutWholeAndEachInItsOrder) {
  const std::unique_ptr<Pipeline> pipeline = Make(3);
  pipeline->Start();
  std::vector<Call> calls;
  for (int i = 0; i < 10; ++i) calls.push_back(BeginCall());
  for (int second = 0; second < 12; ++second) {
    for (Call& call : calls) Talk(call, second * 1'000, 50);
    Commit();
  }
  for (const Call& call : calls) EndCall(call, 12'000);
  Commit();
  ASSERT_TRUE(pipeline->Stop(kPatience));
  for (const Call& call : calls) {
    std::vector<v1::Fact::WhatCase> facts;
    for (const Item& item : sink_.items())
      if (CallIdOf(item) == call.id.ToProto())
        if (const auto* fact = std::get_if<v1::Fact>(&item.what)) facts.push_back(fact->what_case());
    EXPECT_EQ(facts, (std::vector{v1::Fact::kCallStarted, v1::Fact::kStreamOpened, v1::Fact::kStreamProgress,
                                  v1::Fact::kCallEnded}));
    EXPECT_EQ(std::ranges::count_if(sink_.items(),
                                    [&](const Item& item) {
                                      const auto* segment = std::get_if<SealedSegment>(&item.what);
                                      return segment != nullptr && segment->stream == call.stream;
                                    }),
              3);
  }
  EXPECT_EQ(pipeline->Counts().received(), 6'000U);
  EXPECT_EQ(pipeline->Counts().recorded(), 6'000U);
  EXPECT_EQ(pipeline->OldestNeeded(), spool_->Stats().position_durable);
}

TEST_F(PipelineTest, WhatIsNotPushedYetStaysNeeded) {
  const std::unique_ptr<Pipeline> pipeline = Make(1);
  Call call = BeginCall();
  Commit();
  const uint64_t before_audio = spool_->Stats().position_durable;
  Talk(call, 0, 100);
  Commit();
  pipeline->Start();
  ASSERT_TRUE(pipeline->Stop(kPatience));
  EXPECT_EQ(pipeline->OldestNeeded(), before_audio);  // Two seconds are no segment yet.
}

TEST_F(PipelineTest, AFullSinkHoldsThePipelineUpAndAStoppedOneLetsItGo) {
  sink_.SetRoom(2);
  const std::unique_ptr<Pipeline> pipeline = Make(2);
  pipeline->Start();
  for (int i = 0; i < 3; ++i) {
    Call call = BeginCall();
    Talk(call, 0, 600);
    EndCall(call, 12'000);
    Commit();
  }
  ASSERT_TRUE(sink_.WaitFor(2));
  EXPECT_FALSE(pipeline->Stop(absl::ZeroDuration()));
  EXPECT_LT(pipeline->OldestNeeded(), spool_->Stats().position_durable);
  sink_.Stop();
  EXPECT_TRUE(pipeline->Stop(kPatience));
  EXPECT_LT(pipeline->OldestNeeded(), spool_->Stats().position_durable);
}

TEST_F(PipelineTest, FactsWithoutACallPassThrough) {
  const std::unique_ptr<Pipeline> pipeline = Make(2);
  pipeline->Start();
  v1::Fact fact;
  fact.set_fact_id(FactId::Make(random_).ToProto());
  fact.mutable_presence()->set_sessions(3);
  ASSERT_TRUE(spool_->AppendFact(fact).ok());
  Commit();
  ASSERT_TRUE(pipeline->Stop(kPatience));
  ASSERT_EQ(sink_.items().size(), 1U);
  EXPECT_EQ(std::get<v1::Fact>(sink_.items()[0].what).presence().sessions(), 3U);
}

TEST_F(PipelineTest, DatagramsOfNoStreamAreCounted) {
  const std::unique_ptr<Pipeline> pipeline = Make(2);
  pipeline->Start();
  Call nobody{.id = CallId::Make(random_), .unit = UnitId::Make(random_), .stream = StreamId::Make(random_)};
  Talk(nobody, 0, 10);
  Commit();
  ASSERT_TRUE(pipeline->Stop(kPatience));
  EXPECT_EQ(pipeline->Counts().received(), 10U);
  EXPECT_EQ(pipeline->Counts().dropped().at("no_stream"), 10U);
}

TEST_F(PipelineTest, AnUnstartedPipelineStops) {
  EXPECT_TRUE(Make(2)->Stop(kPatience));
  EXPECT_FALSE(Pipeline::Create({.workers = 0}, *spool_, keys_, sink_, metrics_, clock_, random_).ok());
}

}  // namespace
}  // namespace turret::node
