#include "storage/verify/key_files.h"

#include <algorithm>

#include "fmt/format.h"
#include "storage/verify/folder.h"
#include "storage/verify/keys.h"
#include "storage/verify/record_reader.h"

namespace turret::verify {
namespace {

// Where a secret for `use` lies.
std::string FileOf(const std::string& use) {
  for (const char* kind : {"month", "intake", "pairing"})
    if (use.starts_with(fmt::format("{}:", kind))) {
      std::string name = use.substr(std::string_view(kind).size() + 1);
      std::ranges::replace(name, ':', '-');
      return fmt::format("keys/{}/{}.key", kind, name);
    }
  return fmt::format("keys/{}.key", use);
}

}  // namespace

std::optional<std::string> ReadOneRecord(const std::string& archive, const std::string& file,
                                         std::string_view magic, Report& report) {
  const auto reader = RecordReader::Open(archive, file, magic, report);
  if (!reader) return std::nullopt;
  const std::optional<Record> record = reader->Next(reader->size_bytes());
  if (record && record->check_fits && reader->offset_bytes() == reader->size_bytes())
    return std::string(record->payload.begin(), record->payload.end());
  report.Add({.file = file}, "is not one whole record");
  return std::nullopt;
}

std::vector<KeyFile> ReadKeyFiles(const std::string& archive, Report& report) {
  std::vector<KeyFile> keys;
  for (const std::string& file : FilesUnder(archive, "keys", report)) {
    if (file == kRootFile) continue;
    if (!file.ends_with(".key")) {
      report.Add({.file = file}, "is no key file");
      continue;
    }
    const auto payload = ReadOneRecord(archive, file, "TRTKEY01", report);
    KeyFile key{file, {}};
    if (!payload) continue;
    if (!key.sealed.ParseFromString(*payload) || key.sealed.format_version() != 1)
      report.Add({.file = file}, "cannot be parsed, or has an unknown version");
    else if (FileOf(key.sealed.use()) != file)
      report.Add({.file = file}, "holds a key for another use than its name says");
    else
      keys.push_back(std::move(key));
  }
  return keys;
}

void CheckKeyFiles(const std::string& archive, Report& report) {
  ReadKeyFiles(archive, report);
  if (!FilesUnder(archive, "keys", report).empty()) ReadOneRecord(archive, kRootFile, "TRTROOT1", report);
}

}  // namespace turret::verify
