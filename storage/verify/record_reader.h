// Reads record files (FORMAT.md, "Record file"): volumes, key books, ledger blocks, heads.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/verify/hash.h"
#include "storage/verify/report.h"

namespace turret::verify {

struct Record {
  uint64_t number;  // From 0.
  uint64_t offset_bytes;
  bool check_fits;
  View payload;  // Good until the next Next().
};

/// A file of more bytes than this was born whole.
inline constexpr uint64_t kStillbornBytesMax = 4096;

/// One pass over one file. Not thread-safe.
class RecordReader {
 public:
  /// Null, with a finding, when the file cannot be read or its magic is another.
  static std::unique_ptr<RecordReader> Open(const std::string& archive, const std::string& file,
                                            std::string_view magic, Report& report);
  /// The same, but a file shorter than its magic, or with zeros in its place, is one without records: a crash
  /// at its birth leaves it so.
  static std::unique_ptr<RecordReader> OpenOrStillborn(const std::string& archive, const std::string& file,
                                                       std::string_view magic, Report& report);
  ~RecordReader();

  /// The next record if its length fits into the file before `end`, whether or not its check bytes fit.
  /// Nullopt: nothing (more) that can be a record.
  std::optional<Record> Next(uint64_t end);
  /// End of the last record that Next gave.
  uint64_t offset_bytes() const { return offset_; }
  uint64_t size_bytes() const { return size_; }
  /// SHA-256 of [begin, size).
  std::optional<Hash> HashFrom(uint64_t begin);
  const std::string& file() const { return file_; }

 private:
  RecordReader(int descriptor, std::string file, uint64_t size, Report& report)
      : descriptor_(descriptor), file_(std::move(file)), size_(size), report_(report) {}
  bool Read(uint64_t offset, size_t bytes, std::vector<uint8_t>& out);

  const int descriptor_;
  const std::string file_;
  const uint64_t size_;
  Report& report_;
  uint64_t offset_ = 0;
  uint64_t number_ = 0;
  std::vector<uint8_t> buffer_;
};

/// A whole small file. Nullopt, with a finding, when it cannot be read or is over 16 MiB.
std::optional<std::string> ReadWhole(const std::string& archive, const std::string& file, Report& report);

}  // namespace turret::verify
