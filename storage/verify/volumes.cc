#include "storage/verify/volumes.h"

#include <algorithm>

#include "fmt/format.h"
#include "storage/verify/container.h"
#include "turret/v1/archive.pb.h"

namespace turret::verify {
namespace {

constexpr std::string_view kMagic = "TRTVOL01";
constexpr size_t kHeaderBytes = 180;
constexpr size_t kTagBytes = 16;

std::string_view TextOf(View bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// "volumes/<class>/<day>/<id>.vol": the id, or empty.
std::string IdOfName(const std::string& file) {
  const size_t slash = file.rfind('/');
  const std::string_view name = std::string_view(file).substr(slash + 1);
  const auto id = name.ends_with(".vol") ? Unhex(name.substr(0, name.size() - 4)) : std::nullopt;
  return id ? std::string(id->begin(), id->end()) : std::string();
}

void CheckHeader(const ContainerRecord& record, const std::string& id, const LedgerFacts& facts,
                 v1::VolumeHeader& header, Report& report) {
  if (!header.ParseFromArray(record.payload.data(), static_cast<int>(record.payload.size())))
    return report.Add(record.place, "the volume's header cannot be parsed");
  if (header.format_version() != 1 || header.hash_algorithm() != "sha256")
    report.Add(record.place, "the volume's version or hash algorithm is not known");
  if (header.volume_id() != id || header.ledger_id() != facts.ledger_id)
    report.Add(record.place, "the volume's header names another volume or ledger");
  const std::string folder = fmt::format("volumes/{}/{}/", header.storage_class(), header.day());
  if (!record.place.file.starts_with(folder))
    report.Add(record.place, "the volume lies under another storage class or day than its header names");
}

// What of the 180 bytes is wrong, or empty.
std::string HeaderFault(View sealed, const LedgerFacts& facts, std::string_view storage_class) {
  if (sealed.size() < kHeaderBytes + kTagBytes) return "is too short for a segment";
  if (TextOf(sealed.first(4)) != "TSEG") return "does not begin with \"TSEG\"";
  if (sealed[4] != 1 || sealed[5] != 1 || sealed[6] != 0 || sealed[7] != 0)
    return "has an unknown version or suite";
  if (!Equal(sealed.subspan(8, 16), facts.ledger_id)) return "belongs to another ledger";
  std::string padded(storage_class);
  padded.resize(16, '\0');
  if (!Equal(sealed.subspan(64, 16), padded)) return "belongs to another storage class";
  if (BigEndian(sealed.subspan(176, 4)) != sealed.size() - kHeaderBytes - kTagBytes)
    return "has another length than it says";
  return "";
}

class Volume {
 public:
  Volume(const std::string& id, const LedgerFacts& facts, Streams& streams, Report& report,
         const std::function<void(const SegmentAt&)>& visit)
      : id_(id), facts_(facts), streams_(streams), report_(report), visit_(visit) {}

  Hash Look(const ContainerRecord& record) {
    if (record.number == 0) {
      CheckHeader(record, id_, facts_, header_, report_);
      return LeafHash({record.payload});
    }
    ++report_.counts.segments;
    const View sealed = record.payload;
    if (const std::string fault = HeaderFault(sealed, facts_, header_.storage_class()); !fault.empty()) {
      report_.Add(record.place, "the segment " + fault);
      if (sealed.size() < kHeaderBytes) return LeafHash({sealed});
    } else {
      Note(record);
    }
    return LeafHash({sealed.first(kHeaderBytes), Sha256({sealed.subspan(kHeaderBytes)})});
  }

 private:
  void Note(const ContainerRecord& record) {
    const View sealed = record.payload;
    SegmentAt segment{record.place,
                      record.entry,
                      id_,
                      sealed,
                      TextOf(sealed.subspan(24, 16)),
                      TextOf(sealed.subspan(40, 16)),
                      BigEndian(sealed.subspan(56, 8))};
    segment.place.ids = fmt::format("stream {} sequence {}", Hex(segment.stream_id), segment.sequence);
    Link link{segment.sequence,   Sha256({sealed}), {},
              segment.place.file, record.number,    record.place.offset_bytes.value_or(0)};
    std::ranges::copy(sealed.subspan(112, 32), link.predecessor.begin());
    streams_.Note(std::string(segment.stream_id), std::move(link));
    if (visit_) visit_(segment);
  }

  const std::string& id_;
  const LedgerFacts& facts_;
  Streams& streams_;
  Report& report_;
  const std::function<void(const SegmentAt&)>& visit_;
  v1::VolumeHeader header_;
};

}  // namespace

void CheckVolumes(Scope& scope, Streams& streams, const std::function<void(const SegmentAt&)>& visit) {
  ForEachContainer({"volumes", kMagic, "volume", IdOfName}, scope.facts.volumes, scope,
                   [&](RecordReader& reader, const std::string& id, const std::vector<State>& states) {
                     ++scope.report.counts.volumes;
                     Volume volume(id, scope.facts, streams, scope.report, visit);
                     CheckContainer(reader, states, scope,
                                    [&](const ContainerRecord& record) { return volume.Look(record); });
                   });
}

}  // namespace turret::verify
