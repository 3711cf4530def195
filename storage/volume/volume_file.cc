#include "storage/volume/volume_file.h"

#include <algorithm>

#include "fmt/format.h"
#include "storage/base/status.h"
#include "storage/segment/segment.h"

namespace turret {
namespace {

constexpr std::string_view kSuffix = ".vol";

v1::Placement PlacementOf(const SegmentHeader& header, Bytes sealed, uint64_t leaf_index,
                          uint64_t offset_bytes) {
  v1::Placement placement;
  placement.set_stream_id(header.names.stream.ToProto());
  placement.set_sequence(header.names.sequence);
  placement.set_leaf_index(leaf_index);
  placement.set_offset_bytes(offset_bytes);
  placement.set_record_bytes(sealed.size() + kRecordOverheadBytes);
  placement.set_segment_hash(ToString(SegmentHash(sealed)));
  placement.set_unit_id(header.names.unit.ToProto());
  return placement;
}

absl::StatusOr<RecordWriter> CreateWithHeader(Environment& environment, const std::string& path,
                                              Bytes header) {
  TURRET_ASSIGN_OR_RETURN(RecordWriter file, RecordWriter::Create(environment, path, kVolumeMagic));
  TURRET_RETURN_IF_ERROR(file.Append(header).status());
  TURRET_RETURN_IF_ERROR(file.Sync().status());
  return file;
}

}  // namespace

std::string VolumeFileName(const VolumeId& volume) { return fmt::format("{}{}", volume.ToHex(), kSuffix); }

absl::StatusOr<VolumeId> VolumeOfFileName(const std::string& name) {
  if (!name.ends_with(kSuffix)) return absl::InvalidArgumentError("not a volume's name");
  return VolumeId::FromHex(std::string_view(name).substr(0, name.size() - kSuffix.size()));
}

bool IsVolumeDay(std::string_view day) {
  constexpr std::string_view kForm = "dddd-dd-dd";
  return std::ranges::equal(day, kForm,
                            [](char c, char form) { return form == 'd' ? c >= '0' && c <= '9' : c == form; });
}

absl::StatusOr<VolumeWriter> VolumeWriter::Create(Environment& environment, const std::string& folder,
                                                  const v1::VolumeHeader& header) {
  TURRET_ASSIGN_OR_RETURN(const VolumeId volume, VolumeId::FromProto(header.volume_id()));
  TURRET_RETURN_IF_ERROR(environment.CreateDirectories(folder));
  const std::string path = JoinPath(folder, VolumeFileName(volume));
  const std::string payload = header.SerializeAsString();
  absl::StatusOr<RecordWriter> file = CreateWithHeader(environment, path, AsBytes(payload));
  if (!file.ok()) {
    environment.Remove(path).IgnoreError();  // Stillborn: it may stay, too.
    return file.status();
  }
  return VolumeWriter(*std::move(file), MerkleLeafHash({AsBytes(payload)}));
}

absl::StatusOr<VolumeWriter::Added> VolumeWriter::Append(Bytes sealed) {
  TURRET_ASSIGN_OR_RETURN(const SegmentHeader header, ReadSegmentHeader(sealed));
  TURRET_ASSIGN_OR_RETURN(const Appended appended, file_.Append(sealed));
  return Added{PlacementOf(header, sealed, leaves_++, appended.offset_begin), SegmentLeafHash(sealed)};
}

absl::Status VolumeWriter::Sync() { return file_.Sync().status(); }

absl::StatusOr<VolumeScan> ScanVolume(Environment& environment, const std::string& path) {
  VolumeScan scan;
  const auto visit = [&](uint64_t offset, Bytes payload) -> absl::Status {
    const uint64_t leaf_index = scan.tree.size();
    scan.leaf_ends.push_back(offset + payload.size() + kRecordOverheadBytes);
    if (leaf_index == 0) {
      if (!scan.header.ParseFromArray(payload.data(), static_cast<int>(payload.size())))
        return absl::DataLossError(fmt::format("{}: record 0 is no volume header", path));
      scan.tree.Append(MerkleLeafHash({payload}));
      return absl::OkStatus();
    }
    const absl::StatusOr<SegmentHeader> header = ReadSegmentHeader(payload);
    if (!header.ok())
      return absl::DataLossError(fmt::format("{}: record {} at offset {}: {}", path, leaf_index, offset,
                                             std::string(header.status().message())));
    scan.placements.push_back(PlacementOf(*header, payload, leaf_index, offset));
    scan.tree.Append(SegmentLeafHash(payload));
    return absl::OkStatus();
  };
  TURRET_ASSIGN_OR_RETURN(const ScanResult result, ScanRecords(environment, path, kVolumeMagic, visit));
  if (result.records == 0) return absl::DataLossError(fmt::format("{} has no volume header", path));
  scan.tail_bytes = result.tail_bytes;
  scan.tail_digest = result.tail_digest;
  return scan;
}

}  // namespace turret
