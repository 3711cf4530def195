// A small file that is replaced as a whole: a record file with exactly one record, whose check tells a broken
// file from a wrong key. FORMAT.md, "Record file".
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "storage/base/bytes.h"
#include "storage/base/file.h"

namespace turret {

/// Durable on return.
[[nodiscard]] absl::Status WriteOneRecord(Environment& environment, const std::string& path,
                                          std::string_view magic, Bytes payload);
/// Errors: NotFound; DataLoss unless there is exactly one good record and nothing else.
absl::StatusOr<Buffer> ReadOneRecord(Environment& environment, const std::string& path,
                                     std::string_view magic);

}  // namespace turret
