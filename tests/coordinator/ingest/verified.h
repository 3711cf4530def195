// turret-verify's own check, without a process.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/ledger/ledger.h"
#include "storage/verify/key_files.h"
#include "storage/verify/verify.h"
#include "tests/coordinator/ingest/open_archive.h"
#include "tests/storage/key/files.h"
#include "tests/support/memory_disk.h"
#include "tests/support/support.h"

namespace turret::test {

/// Nothing is wrong with an archive that nobody writes to. What was looked at.
inline verify::Counts ExpectVerified(const std::string& archive, const Ed25519Public& key) {
  verify::Options options;
  options.archive = archive;
  options.key = *verify::ReadPublicKey(ToHex(key));
  options.passphrase = std::string(kArchivePassphrase);
  options.at_rest = true;
  verify::Report report;
  EXPECT_TRUE(verify::Verify(options, report).passphrase_opened);
  for (const verify::Finding& finding : report.findings())
    ADD_FAILURE() << verify::ToText(finding.place) << ": " << finding.what;
  return report.counts;
}

/// The same of an archive in memory, copied to the same place on disk; it holds the segments of `items`.
inline void ExpectVerified(MemoryDisk& disk, const std::string& archive, const Ed25519Public& key,
                           const std::vector<v1::ReplicateRequest>& items) {
  for (const std::string& file : disk.Files()) {
    std::filesystem::create_directories(DirectoryOf(file));
    Overwrite(file, *disk.ReadAll(file));
  }
  EXPECT_EQ(ExpectVerified(archive, key).segments,
            static_cast<uint64_t>(
                std::ranges::count_if(items, [](const auto& item) { return item.has_segment(); })));
}

}  // namespace turret::test
