// An archive made once, copied for each test that breaks it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/verify/verify.h"
#include "tests/coordinator/export/recorded_archive.h"
#include "tests/support/support.h"

namespace turret::test {

/// Payloads of a record file, and the file made of them again, with check bytes that fit.
std::vector<Buffer> ReadRecords(const std::string& path);
void WriteRecords(const std::string& path, std::string_view magic, const std::vector<Buffer>& payloads);
std::string ReadText(const std::string& path);
void WriteText(const std::string& path, std::string_view text);

struct VerifyRun {
  bool full = false;
  bool with_head = true;  // The archive's last head, kept elsewhere.
  bool at_rest = true;
};

class VerifyTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();

  VerifyTest();
  /// The pristine archive, closed, and its last head.
  static RecordedArchive& original() { return *original_; }
  static std::string original_directory();

  /// This test's own copy.
  const std::string& directory() const { return directory_; }
  std::string Path(const std::string& file) const { return directory_ + "/" + file; }
  /// Files of the copy below `folder`, relative to it, sorted.
  std::vector<std::string> Files(const std::string& folder) const;
  /// A fresh copy.
  void Restore();

  verify::Report Verify(const VerifyRun& run = {}) const;

  /// All findings as text.
  static std::string Told(const verify::Report& report);
  /// Some finding's text holds all of `parts`.
  static ::testing::AssertionResult Names(const verify::Report& report,
                                          const std::vector<std::string>& parts);

 private:
  static TemporaryFolder* folder_;
  static RecordedArchive* original_;
  TemporaryFolder copies_;
  const std::string directory_;
};

}  // namespace turret::test
