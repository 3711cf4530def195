// turret-verify's own check, without a process.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "storage/base/bytes.h"
#include "storage/ledger/ledger.h"
#include "storage/verify/key_files.h"
#include "storage/verify/verify.h"
#include "tests/coordinator/ingest/open_archive.h"

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

}  // namespace turret::test
