#include "tests/coordinator/export/recorded_archive.h"

#include <cstdio>
#include <cstdlib>

#include "absl/synchronization/notification.h"
#include "storage/key/intake.h"
#include "storage/segment/segment.h"
#include "storage/segment/segment_plaintext.h"

namespace turret::test {
namespace {

constexpr uint64_t kVoiceSamples = 16'000;  // Two seconds.

void Require(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "recorded archive: %s\n", status.ToString().c_str());
  std::abort();
}

std::vector<MadeSegment> Exact(uint32_t seed, std::vector<size_t> lost = {}) {
  return MakeExact("PCMA", Babble(kVoiceSamples, seed), {.packets_a_segment = 30, .lost = std::move(lost)});
}
std::vector<MadeSegment> Opus(uint32_t seed, std::vector<size_t> lost = {}) {
  return MakeOpus(Babble(kVoiceSamples, seed), {.packets_a_segment = 30, .lost = std::move(lost)});
}

}  // namespace

RecordedArchive::RecordedArchive(const std::string& directory, uint64_t seed)
    : directory_(directory), random_(seed), node_(NodeId::Make(random_)) {
  Open();
  v1::EnrolmentChanged enrolment;
  v1::Line& line = *enrolment.add_lines();
  line.set_name("Turret 7 left");
  line.set_trader("Ben Brandt");
  line.set_desk("Rates");
  enrolment.set_document_digest(std::string(64, 'a'));
  const auto enrolled = archive_->Enrol(enrolment);
  Require(enrolled.status());
  line_ = *LineId::FromProto(enrolled->lines(0).line_id());
  AddCall("mifid", {Exact(1, {40, 41}), Exact(2)}, /*ends=*/true);
  AddCall("mifid", {Opus(3, {20, 21, 22})}, /*ends=*/true);
  AddCall("mifid", {}, /*ends=*/true);
  AddCall("gdpr", {Exact(4)}, /*ends=*/true);
  AddCall("mifid", {Exact(5)}, /*ends=*/false);
}

void RecordedArchive::Open() {
  auto opened = coordinator::Archive::Open(
      {.directory = directory_, .passphrase = kPassphrase, .commit_interval = absl::ZeroDuration()},
      environment_, clock_, random_, metrics_);
  Require(opened.status());
  archive_ = *std::move(opened);
  welcome_ = *archive_->MakeWelcome();
  public_key_hex_ = ToHex(archive_->ledger().public_key());
}

void RecordedArchive::Reopen(const std::string& directory) {
  Close();
  directory_ = directory;
  Open();
}

void RecordedArchive::Close() {
  Require(archive_->Close());
  checkpoint_ = archive_->ledger().Head().checkpoint();
  archive_.reset();
}

void RecordedArchive::Submit(std::vector<v1::ReplicateRequest> items) {
  absl::Notification done;
  archive_->Submit(node_, std::move(items),
                   [&](const absl::Status& status, const std::vector<coordinator::ItemOutcome>& outcomes,
                       const v1::TreeHead& head) {
                     Require(status);
                     for (const coordinator::ItemOutcome& outcome : outcomes)
                       if (outcome.kind != coordinator::ItemOutcome::kStored)
                         Require(absl::InternalError(outcome.message));
                     checkpoint_ = head.checkpoint();
                     done.Notify();
                   });
  done.WaitForNotification();
}

v1::ReplicateRequest RecordedArchive::FactOf(const RecordedCall& call, v1::Fact fact) {
  v1::ReplicateRequest request;
  fact.set_fact_id(FactId::Make(random_).ToProto());
  fact.set_call_id(call.id.ToProto());
  fact.set_utc_ns(kAnchorUtcNs);
  *request.mutable_fact() = std::move(fact);
  return request;
}

v1::ReplicateRequest RecordedArchive::Seal(const RecordedCall& call, RecordedStream& stream,
                                           const SecretKey& key, MadeSegment made) {
  made.body.set_call_id(call.id.ToProto());
  Buffer opening(kOpeningBytes);
  random_.Fill(opening);
  made.body.set_payload_opening(ToString(opening));
  made.body.set_payload_digest(ToString(Sha256({opening, made.media})));
  const Buffer sealed = *SealSegment({.ledger = *LedgerId::FromProto(welcome_.ledger_id()),
                                      .unit = stream.unit,
                                      .stream = stream.id,
                                      .sequence = stream.segments.size(),
                                      .storage_class = call.storage_class,
                                      .predecessor = stream.hashes.empty() ? Digest{} : stream.hashes.back()},
                                     key, BuildPlaintext(made.body, made.media, random_), random_);
  stream.hashes.push_back(SegmentHash(sealed));
  stream.segments.push_back(std::move(made));
  v1::ReplicateRequest request;
  request.mutable_segment()->set_sealed(ToString(sealed));
  return request;
}

std::vector<v1::ReplicateRequest> RecordedArchive::Begin(const RecordedCall& call) {
  std::vector<v1::ReplicateRequest> items;
  v1::Fact fact;
  v1::CallStarted& started = *fact.mutable_call_started();
  started.set_answered_utc_ns(kAnchorUtcNs);
  started.set_sip_call_id("a84b4c76e66710@floor.example");
  for (const auto& [id, name] : {std::pair("p0", "Ben Brandt"), std::pair("p1", "=Clara, \"Client\"")}) {
    v1::Party& party = *started.add_parties();
    party.set_participant_id(id);
    party.set_name(name);
    party.set_aor("sip:" + std::string(id) + "@floor.example");
  }
  started.add_line_ids(line_.ToProto());
  started.set_storage_class(call.storage_class);
  started.add_rules("mifid5");
  started.set_node_id(node_.ToProto());
  started.set_day(UtcDay(clock_.Utc()));
  items.push_back(FactOf(call, fact));
  for (size_t i = 0; i < call.streams.size(); ++i) {
    v1::Fact opened_fact;
    v1::StreamOpened& opened = *opened_fact.mutable_stream_opened();
    opened.set_stream_id(call.streams[i].id.ToProto());
    opened.set_unit_id(call.streams[i].unit.ToProto());
    opened.set_participant_id("p" + std::to_string(i));
    opened.set_codec("PCMA");
    opened.set_clock_rate_hz(8000);
    opened.set_storage_class(call.storage_class);
    opened.set_day(UtcDay(clock_.Utc()));
    items.push_back(FactOf(call, opened_fact));
  }
  return items;
}

v1::ReplicateRequest RecordedArchive::End(const RecordedCall& call, uint64_t segments_missing) {
  v1::Fact fact;
  v1::CallEnded& ended = *fact.mutable_call_ended();
  ended.set_ended_utc_ns(kAnchorUtcNs + 2'500'000'000);
  ended.set_reason(v1::CallEnded::BYE);
  for (const RecordedStream& stream : call.streams) {
    v1::CallEnded::StreamEnd& end = *ended.add_streams();
    end.set_stream_id(stream.id.ToProto());
    end.set_segments(stream.segments.size() + segments_missing);
    end.set_last_segment_hash(ToString(stream.hashes.back()));
  }
  return FactOf(call, fact);
}

void RecordedArchive::AddCall(const std::string& storage_class, std::vector<std::vector<MadeSegment>> streams,
                              bool ends, uint64_t segments_missing) {
  RecordedCall call{.id = CallId::Make(random_), .storage_class = storage_class, .streams = {}};
  std::vector<SecretKey> keys;
  for (size_t i = 0; i < streams.size(); ++i) {
    call.streams.push_back(
        {.id = StreamId::Make(random_), .unit = UnitId::Make(random_), .segments = {}, .hashes = {}});
    keys.push_back(SecretKey::Make(random_));
  }
  Submit(Begin(call));
  std::vector<v1::ReplicateRequest> units;
  for (size_t i = 0; i < streams.size(); ++i) {
    v1::ReplicateRequest unit;
    const UnitNames names{call.streams[i].unit, call.id, storage_class, UtcDay(clock_.Utc())};
    v1::IntakeKey intake;
    for (const v1::IntakeKey& key : welcome_.intake_keys())
      if (key.day() == names.day) intake = key;
    *unit.mutable_unit() = *SealUnitKey(names, keys[i], intake, random_);
    units.push_back(std::move(unit));
  }
  if (!units.empty()) Submit(std::move(units));
  for (size_t i = 0; i < streams.size(); ++i)
    for (MadeSegment& made : streams[i]) Submit({Seal(call, call.streams[i], keys[i], std::move(made))});
  v1::Fact gap_fact;
  v1::Gap& gap = *gap_fact.mutable_gap();
  gap.set_gap_id(GapId::Make(random_).ToProto());
  gap.set_cause(streams.empty() ? v1::GAP_CAUSE_NO_MEDIA : v1::GAP_CAUSE_PACKET_LOSS);
  gap.mutable_interval()->set_begin_utc_ns(kAnchorUtcNs + 800'000'000);
  gap.mutable_interval()->set_end_utc_ns(kAnchorUtcNs + 840'000'000);
  Submit({FactOf(call, gap_fact)});
  if (ends) Submit({End(call, segments_missing)});
  calls_.push_back(std::move(call));
}

}  // namespace turret::test
