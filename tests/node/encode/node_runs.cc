#include "tests/node/encode/node_runs.h"

#include <algorithm>

#include "fmt/format.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "storage/base/digest.h"

namespace turret::node {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);

std::string Deterministic(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&out);
  }
  return bytes;
}

}  // namespace

bool FakeArchive::Push(Item item) {
  absl::MutexLock lock(&mutex_);
  if (ended_) return false;
  std::string id;
  std::string bytes;
  if (const auto* unit = std::get_if<v1::UnitOpened>(&item.what)) {
    id = "unit " + unit->unit_id();
  } else if (auto* segment = std::get_if<SealedSegment>(&item.what)) {
    id = fmt::format("segment {} {:08}", segment->stream.ToHex(), segment->sequence);
    bytes = ToString(Sha256(segment->sealed));
    segments_[segment->stream][segment->sequence] = std::move(segment->sealed);
  } else {
    const auto& fact = std::get<v1::Fact>(item.what);
    if (fact.call_id().empty()) {
      token_ = fact.fact_id();
      return true;
    }
    id = "fact " + ToHex(AsBytes(fact.fact_id()));
    bytes = Deterministic(fact);
    if (fact.has_gap()) gaps_[id] = fact.gap();
  }
  const auto [known, is_new] = items_.emplace(id, bytes);
  if (!is_new && known->second != bytes) forks_.push_back(id);
  positions_.push_back(item.spool_position);
  return true;
}

void FakeArchive::BeginRun() {
  absl::MutexLock lock(&mutex_);
  positions_.clear();
  ended_ = false;
}

void FakeArchive::EndRun() {
  absl::MutexLock lock(&mutex_);
  ended_ = true;
}

uint64_t FakeArchive::Acknowledge(size_t count) {
  absl::MutexLock lock(&mutex_);
  positions_.erase(positions_.begin(),
                   positions_.begin() + static_cast<std::ptrdiff_t>(std::min(count, positions_.size())));
  return positions_.empty() ? UINT64_MAX : *std::ranges::min_element(positions_);
}

size_t FakeArchive::waiting() const {
  absl::MutexLock lock(&mutex_);
  return positions_.size();
}

bool FakeArchive::WaitForToken(const std::string& token) {
  const auto came = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return token_ == token; };
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&came), kPatience);
}

std::vector<v1::Gap> FakeArchive::Gaps(v1::GapCause cause) const {
  std::vector<v1::Gap> gaps;
  for (const auto& [id, gap] : gaps_)
    if (gap.cause() == cause) gaps.push_back(gap);
  std::ranges::sort(gaps, {}, [](const v1::Gap& gap) { return gap.interval().begin_utc_ns(); });
  return gaps;
}

std::vector<v1::Fact> FakeArchive::Facts() const {
  absl::MutexLock lock(&mutex_);
  std::vector<v1::Fact> facts;
  for (const auto& [id, bytes] : items_)
    if (id.starts_with("fact")) facts.emplace_back().ParseFromString(bytes);
  return facts;
}

std::map<uint64_t, Buffer> FakeArchive::TakeSegments(const StreamId& stream) {
  absl::MutexLock lock(&mutex_);
  return std::exchange(segments_[stream], {});
}

NodeRuns::NodeRuns(uint64_t seed, uint64_t extent_bytes, int workers) : random_(seed), workers_(workers) {
  options_.directory = "/spool";
  options_.extent_bytes = extent_bytes;
}

void NodeRuns::Start() {
  const absl::Status opened = OpenSpool();
  ASSERT_TRUE(opened.ok()) << opened;
  StartPipeline();
}

absl::Status NodeRuns::OpenSpool() {
  auto opened = Spool::Open(options_, disk_, node_key_.Clone(), clock_, random_);
  if (opened.ok()) spool_ = *std::move(opened);
  return opened.status();
}

void NodeRuns::StartPipeline() {
  archive_.BeginRun();
  auto pipeline = Pipeline::Create({.workers = workers_, .idle = absl::Milliseconds(2)}, *spool_, keys_,
                                   archive_, metrics_, clock_, random_);
  ASSERT_TRUE(pipeline.ok()) << pipeline.status();
  pipeline_ = *std::move(pipeline);
  pipeline_->Start();
}

void NodeRuns::Crash(bool power_cut) {
  archive_.EndRun();
  pipeline_.reset();
  spool_.reset();
  if (power_cut) disk_.PowerCut(random_);
}

void NodeRuns::Finish() {
  Commit();
  ASSERT_TRUE(pipeline_->Stop(kPatience));
  pipeline_.reset();
  spool_.reset();
}

void NodeRuns::Append(const Input& input) {
  if (const auto* fact = std::get_if<v1::Fact>(&input.what)) {
    ASSERT_TRUE(spool_->AppendFact(*fact).ok());
  } else if (const auto* unit = std::get_if<UnitId>(&input.what)) {
    ASSERT_TRUE(spool_->AppendUnitKey({*unit, input.call, "mifid", "2026-09-21", unit_key_.Clone()}).ok());
  } else {
    const auto& [stream, bytes] = std::get<std::pair<StreamId, Buffer>>(input.what);
    const Datagram datagram{.stream = stream, .arrival_utc_ns = input.utc_ns, .bytes = bytes};
    ASSERT_TRUE(spool_->AppendDatagrams({&datagram, 1}).ok());
  }
}

void NodeRuns::Commit() { ASSERT_TRUE(spool_->Commit().ok()); }

// A fact without a call goes by the same worker every time; the other one is waited for by what it still
// needs.
bool NodeRuns::TryCatchUp() {
  v1::Fact token;
  token.set_fact_id(fmt::format("token {}", ++tokens_));
  if (!spool_->AppendFact(token).ok() || !spool_->Commit().ok()) return false;
  EXPECT_TRUE(archive_.WaitForToken(token.fact_id()));
  return true;
}

void NodeRuns::CatchUp() { ASSERT_TRUE(TryCatchUp()); }

absl::Status NodeRuns::TryAcknowledgeAndTrim(size_t count) {
  const uint64_t in_pipeline = pipeline_->OldestNeeded();
  return spool_->Trim(std::min(in_pipeline, archive_.Acknowledge(count)));
}

void NodeRuns::AcknowledgeAndTrim(size_t count) { ASSERT_TRUE(TryAcknowledgeAndTrim(count).ok()); }

}  // namespace turret::node
