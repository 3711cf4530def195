#include "storage/key/one_record_file.h"

#include "fmt/format.h"
#include "storage/base/digest.h"
#include "storage/base/record_file.h"
#include "storage/base/status.h"

namespace turret {

absl::Status WriteOneRecord(Environment& environment, const std::string& path, std::string_view magic,
                            Bytes payload) {
  constexpr size_t kCheckBytes = 8;
  Buffer record;
  StoreU32(record, static_cast<uint32_t>(payload.size()));
  Append(record, payload);
  const Digest check = Sha256(record);
  Buffer file = ToBuffer(AsBytes(magic));
  Append(file, record);
  Append(file, Bytes(check).first(kCheckBytes));
  return environment.WriteAtomically(path, file);
}

absl::StatusOr<Buffer> ReadOneRecord(Environment& environment, const std::string& path,
                                     std::string_view magic) {
  Buffer payload;
  const auto keep = [&](uint64_t, Bytes record) {
    payload = ToBuffer(record);
    return absl::OkStatus();
  };
  TURRET_ASSIGN_OR_RETURN(const ScanResult scan, ScanRecords(environment, path, magic, keep));
  if (scan.records == 1 && scan.tail_bytes == 0) return payload;
  return absl::DataLossError(
      fmt::format("{} is broken: {} good records and {} further bytes, want one and none", path, scan.records,
                  scan.tail_bytes));
}

}  // namespace turret
