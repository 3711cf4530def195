#include "tests/node/session/session_fixture.h"

#include "fmt/format.h"

namespace turret::node::test {
namespace {

class Collector final : public RecordVisitor {
 public:
  void OnDatagram(uint64_t, const Datagram&) override {}
  void OnUnitKey(uint64_t, UnitKeyRecord unit) override {
    units.push_back(std::move(unit));
    order.push_back("unit");
  }
  void OnFact(uint64_t, v1::Fact fact) override {
    order.push_back(fact.GetDescriptor()->FindFieldByNumber(fact.what_case())->name());
    facts.push_back(std::move(fact));
  }
  std::vector<UnitKeyRecord> units;
  std::vector<v1::Fact> facts;
  std::vector<std::string> order;
};

void AddMatcher(v1::Line& line, v1::Matcher::Field field, const std::string& pattern) {
  line.add_matchers()->set_field(field);
  line.mutable_matchers()->rbegin()->set_pattern(pattern);
}

v1::Welcome MakeWelcome(LineId ada, LineId carl, Random& random) {
  v1::Welcome welcome;
  welcome.set_ledger_id(LedgerId::Make(random).ToProto());
  welcome.add_intake_keys()->set_day("2026-09-21");
  v1::Enrolment& enrolment = *welcome.mutable_enrolment();
  enrolment.set_version(1);
  enrolment.set_orphan_storage_class("mifid");
  enrolment.add_orphan_rules("mifid7");
  v1::Line& first = *enrolment.add_lines();
  first.set_line_id(ada.ToProto());
  first.set_policy(v1::POLICY_EXACT);
  first.set_storage_class("mifid");
  first.add_rules("mifid5");
  AddMatcher(first, v1::Matcher::AOR, "sip:ada@bank.example");
  v1::Line& second = *enrolment.add_lines();
  second.set_line_id(carl.ToProto());
  second.set_policy(v1::POLICY_OPUS);
  second.set_opus_bitrate(32000);
  second.set_storage_class("gdpr");
  second.add_rules("gdpr-only");
  AddMatcher(second, v1::Matcher::AOR, "sip:carl@bank.example");
  AddMatcher(second, v1::Matcher::LABEL, "c1");
  return welcome;
}

}  // namespace

absl::StatusOr<uint16_t> FakePorts::Open(StreamId stream) {
  std::lock_guard lock(mutex_);
  if (left-- <= 0) return absl::ResourceExhaustedError("no port");
  open_[stream] = next_;
  next_ += 2;
  return open_[stream];
}

absl::StatusOr<uint16_t> FakePorts::Hold(StreamId stream) {
  absl::StatusOr<uint16_t> port = Open(stream);
  std::lock_guard lock(mutex_);
  if (port.ok()) held_.insert(stream);
  return port;
}

absl::Status FakePorts::Listen(std::span<const StreamId> streams) {
  std::lock_guard lock(mutex_);
  absl::Status all;
  for (const StreamId& stream : streams)
    if (held_.erase(stream) == 0) all.Update(absl::NotFoundError("not held"));
  return all;
}

size_t FakePorts::held() const {
  std::lock_guard lock(mutex_);
  return held_.size();
}

absl::Status FakePorts::Reopen(StreamId stream, uint16_t port) {
  std::lock_guard lock(mutex_);
  if (busy-- > 0) return absl::AlreadyExistsError("port");
  open_[stream] = port;
  held_.insert(stream);
  return absl::OkStatus();
}

std::map<StreamId, uint16_t> FakePorts::streams() const {
  std::lock_guard lock(mutex_);
  return open_;
}

void FakePorts::Close(StreamId stream) {
  std::lock_guard lock(mutex_);
  held_.erase(stream);
  open_.erase(stream);
}

size_t FakePorts::open() const {
  std::lock_guard lock(mutex_);
  return open_.size();
}

SessionFixture::SessionFixture(uint64_t spool_bytes_max)
    : ada_(LineId::Make(random_)), carl_(LineId::Make(random_)) {
  SpoolOptions options{.directory = folder_ / "spool", .bytes_max = spool_bytes_max, .extent_bytes = 4 << 20};
  spool_ = Spool::Open(options, environment_, SecretKey::Make(random_), clock_, random_).value();
  enrolment_ =
      EnrolmentCache::Open(environment_, folder_ / "enrolment", SecretKey::Make(random_), random_).value();
  journal_ = SessionJournal::Open(environment_, folder_ / "sessions", journal_key_.Clone(), random_).value();
  EXPECT_TRUE(enrolment_->Update(MakeWelcome(ada_, carl_, random_)).ok());
  (void)presence_.SetEnrolment(1, {});
  parts_ = std::unique_ptr<SessionParts>(new SessionParts{*spool_, ports_, presence_, *enrolment_, metrics_,
                                                          clock_, random_, node_, "192.0.2.7"});
}

SessionFixture::Spooled SessionFixture::ReadSpool() {
  Collector collector;
  EXPECT_TRUE(spool_->Commit().ok());
  for (uint64_t position = spool_->Oldest();;) {
    const auto block = spool_->Read(position, absl::ZeroDuration());
    EXPECT_TRUE(block.ok()) << block.status();
    if (!block.ok() || *block == nullptr) break;
    EXPECT_TRUE((*block)->Visit(collector).ok());
    position = (*block)->end_position();
  }
  return {std::move(collector.units), std::move(collector.facts), std::move(collector.order)};
}

std::vector<v1::Fact> SessionFixture::Facts(v1::Fact::WhatCase kind) {
  std::vector<v1::Fact> out;
  for (v1::Fact& fact : ReadSpool().facts)
    if (fact.what_case() == kind) out.push_back(std::move(fact));
  return out;
}

std::string MakeSdp(const std::vector<MediaSpec>& media) {
  std::string sdp = "v=0\r\no=src 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n";
  for (const MediaSpec& line : media)
    sdp += fmt::format("m=audio 40000 RTP/AVP {}\r\na=label:{}\r\na={}\r\n", line.formats, line.label,
                       line.mode);
  return sdp;
}

std::string MakeMetadata(const std::vector<std::string>& aors) {
  std::string xml = "<recording xmlns='urn:ietf:params:xml:ns:recording:1'><datamode>complete</datamode>";
  for (size_t n = 1; n <= aors.size(); ++n)
    xml += fmt::format(
        "<participant participant_id='p{0}'><nameID aor='{1}'><name>Name {0}</name></nameID></participant>"
        "<stream stream_id='s{0}'><label>{0}</label></stream>"
        "<participantstreamassoc participant_id='p{0}'><send>s{0}</send></participantstreamassoc>",
        n, aors[n - 1]);
  return xml + "</recording>";
}

Offer MakeOffer(const std::string& sdp, const std::string& metadata) {
  Offer offer;
  offer.sip_call_id = "call-1@src";
  offer.source_address = "127.0.0.1:5070";
  offer.transport = "udp";
  offer.device = "turret-014";
  if (!sdp.empty()) offer.parts.push_back({"application/sdp", sdp});
  if (!metadata.empty()) offer.parts.push_back({"application/rs-metadata+xml", metadata});
  return offer;
}

}  // namespace turret::node::test
