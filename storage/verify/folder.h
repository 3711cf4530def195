// Which files an archive has. What no rule names is a finding: nothing may hide beside the archive.
#pragma once

#include <string>
#include <vector>

#include "storage/verify/report.h"

namespace turret::verify {

/// Relative paths of all files below `folder` of the archive ("volumes/mifid/2026-11-02/….vol"), sorted;
/// anything that is neither file nor folder is a finding. Empty when the folder does not exist.
std::vector<std::string> FilesUnder(const std::string& archive, const std::string& folder, Report& report);

/// Top level: ledger, volumes, books, keys, index, and nothing else.
void CheckTopLevel(const std::string& archive, Report& report);

}  // namespace turret::verify
