#include "node/session/journal_file.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "fmt/format.h"
#include "storage/base/sealed_box.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

constexpr std::string_view kMagic = "TRTSESS1";
constexpr std::string_view kPrefix = "sessions-";
constexpr std::string_view kUnopened = ".unopened";
constexpr size_t kDigits = 16;

Buffer AadOf(uint64_t generation, uint64_t record) {
  Buffer aad = ToBuffer(AsBytes("turret session journal v1"));
  StoreU64(aad, generation);
  StoreU64(aad, record);
  return aad;
}

struct Name {
  uint64_t generation;
  bool aside;
};

std::optional<Name> Parse(std::string_view name) {
  if (!name.starts_with(kPrefix) || name.size() < kPrefix.size() + kDigits) return std::nullopt;
  const std::string_view digits = name.substr(kPrefix.size(), kDigits);
  const std::string_view rest = name.substr(kPrefix.size() + kDigits);
  Name out{0, rest == kUnopened};
  if (!rest.empty() && !out.aside) return std::nullopt;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + kDigits, out.generation, 16);
  if (error != std::errc() || end != digits.data() + kDigits) return std::nullopt;
  return out;
}

class Reading {
 public:
  Reading(uint64_t generation, const SecretKey& key) : generation_(generation), key_(key) {}

  absl::Status Add(Bytes payload) {
    const absl::StatusOr<Buffer> opened = OpenBox(key_, AadOf(generation_, records_), payload);
    if (!opened.ok()) return opened.status();
    v1::JournalEntry entry;
    if (!entry.ParseFromArray(opened->data(), static_cast<int>(opened->size())))
      return absl::DataLossError("session journal: a record that is none");
    ++records_;
    if (entry.has_dialog()) dialogs_[entry.dialog().call_id()] = entry.dialog();
    if (entry.what_case() == v1::JournalEntry::kForgotten) dialogs_.erase(entry.forgotten());
    if (entry.what_case() == v1::JournalEntry::kSettled) settled_ = entry.settled();
    for (const uint32_t port : entry.freed().ports())
      freed_[static_cast<uint16_t>(port)] = entry.freed().utc_ns();
    if (entry.what_case() == v1::JournalEntry::kSnapshot) complete_ = entry.snapshot() + 1 == records_;
    return absl::OkStatus();
  }

  uint64_t records() const { return records_; }
  bool complete() const { return complete_; }
  std::optional<uint64_t> settled() const { return settled_; }
  std::map<std::string, v1::JournaledDialog> TakeDialogs() { return std::move(dialogs_); }
  std::map<uint16_t, int64_t> TakeFreed() { return std::move(freed_); }

 private:
  const uint64_t generation_;
  const SecretKey& key_;
  uint64_t records_ = 0;
  bool complete_ = false;
  std::optional<uint64_t> settled_;
  std::map<std::string, v1::JournaledDialog> dialogs_;
  std::map<uint16_t, int64_t> freed_;
};

enum class Content { kComplete, kIncomplete, kUnreadable };

/// Whether the process, or the power, went before the file's first sync.
bool IsUnbegun(Environment& environment, const std::string& path) {
  const absl::StatusOr<Buffer> content = environment.ReadAll(path);
  return content.ok() &&
         (content->size() < kMagicBytes ||
          std::all_of(content->begin(), content->end(), [](uint8_t byte) { return byte == 0; }));
}

Content Read(Environment& environment, const std::string& path, Reading& reading) {
  const absl::StatusOr<ScanResult> scanned =
      ScanRecords(environment, path, kMagic, [&](uint64_t, Bytes payload) { return reading.Add(payload); });
  if (reading.complete()) return Content::kComplete;  // What does not open behind that is its tail.
  if (scanned.ok() || IsUnbegun(environment, path)) return Content::kIncomplete;
  return Content::kUnreadable;
}

}  // namespace

std::string JournalPath(const std::string& directory, uint64_t generation) {
  return JoinPath(directory, fmt::format("{}{:016x}", kPrefix, generation));
}

absl::StatusOr<JournalWriter> JournalWriter::Create(Environment& environment, const std::string& directory,
                                                    uint64_t generation, const SecretKey& key,
                                                    Random& random) {
  TURRET_ASSIGN_OR_RETURN(RecordWriter file,
                          RecordWriter::Create(environment, JournalPath(directory, generation), kMagic));
  return JournalWriter(std::move(file), generation, key, random);
}

absl::Status JournalWriter::Append(const v1::JournalEntry& entry) {
  std::string plaintext = entry.SerializeAsString();
  const Buffer box = SealBox(*key_, AadOf(generation_, records_), AsBytes(plaintext), *random_);
  Wipe(plaintext);
  ++records_;
  return file_.Append(box).status();
}

absl::Status JournalWriter::Sync() { return file_.Sync().status(); }

absl::StatusOr<FoundJournal> ReadJournal(Environment& environment, const std::string& directory,
                                         const SecretKey& key) {
  TURRET_ASSIGN_OR_RETURN(const std::vector<std::string> names, environment.List(directory));
  FoundJournal found;
  std::vector<uint64_t> generations;
  for (const std::string& name : names) {
    const std::optional<Name> parsed = Parse(name);
    if (!parsed) continue;
    found.generation_last = std::max(found.generation_last, parsed->generation);
    if (!parsed->aside) generations.push_back(parsed->generation);
  }
  std::sort(generations.rbegin(), generations.rend());
  bool complete = false;
  for (const uint64_t generation : generations) {
    const std::string path = JournalPath(directory, generation);
    Reading reading(generation, key);
    const Content content = complete ? Content::kIncomplete : Read(environment, path, reading);
    if (content == Content::kUnreadable) {
      ++found.unopened;
      TURRET_RETURN_IF_ERROR(environment.Rename(path, fmt::format("{}{}", path, kUnopened)));
      continue;
    }
    found.files.push_back(path);
    if (content != Content::kComplete) continue;
    complete = true;
    found.dialogs = reading.TakeDialogs();
    found.settled = reading.settled();
    found.freed = reading.TakeFreed();
  }
  return found;
}

}  // namespace turret::node
