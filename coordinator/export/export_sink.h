// Where the files of an export go.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "turret/v1/access.pb.h"

namespace turret::coordinator {

using ExportSink = std::function<absl::Status(const v1::ExportChunk&)>;

}  // namespace turret::coordinator
