#include "storage/ledger/heads.h"

#include <algorithm>
#include <utility>

#include "storage/base/status.h"
#include "storage/ledger/block_name.h"

namespace turret {
namespace {

constexpr std::string_view kMagic = "TRTHEAD1";

}  // namespace

std::string Heads::PathOf(uint32_t part) const { return JoinPath(directory_, HeadsFileName(part)); }

absl::StatusOr<std::unique_ptr<Heads>> Heads::Open(Environment& environment, const std::string& directory) {
  std::unique_ptr<Heads> heads(new Heads(environment, directory));
  TURRET_ASSIGN_OR_RETURN(const std::vector<std::string> files, environment.List(directory));
  for (const std::string& file : files)
    if (const std::optional<uint32_t> part = ParseHeadsFileName(file))
      heads->parts_ = std::max(heads->parts_, *part + 1);
  const auto keep_last = [&](std::string_view text) { heads->last_ = std::string(text); };
  for (uint32_t part = heads->parts_; part > 0 && !heads->last_.has_value(); --part) {
    TURRET_ASSIGN_OR_RETURN(const ScanResult scan, heads->Scan(part - 1, keep_last));
    const bool is_whole = scan.good_bytes >= kMagicBytes && scan.tail_bytes == 0;
    if (part == heads->parts_ && is_whole) heads->reopen_bytes_ = scan.good_bytes;
  }
  return heads;
}

absl::StatusOr<ScanResult> Heads::Scan(uint32_t part,
                                       const std::function<void(std::string_view)>& visit) const {
  const std::string path = PathOf(part);
  if (!environment_.Exists(path)) return ScanResult{};
  if (!writer_.has_value()) TURRET_RETURN_IF_ERROR(environment_.SyncAndForget(path));
  TURRET_ASSIGN_OR_RETURN(const std::unique_ptr<ReadFile> file, environment_.OpenForRead(path));
  TURRET_ASSIGN_OR_RETURN(const uint64_t size_bytes, file->SizeBytes());
  TURRET_ASSIGN_OR_RETURN(const bool stillborn, IsStillborn(*file));
  if (stillborn) return ScanResult{.tail_bytes = size_bytes};
  return ScanRecords(environment_, path, kMagic, [&](uint64_t, Bytes payload) {
    visit(AsText(payload));
    return absl::OkStatus();
  });
}

absl::Status Heads::EnsureWriter() {
  if (writer_.has_value() && writer_->size_bytes() < kHeadsBytesMax) return absl::OkStatus();
  if (!writer_.has_value() && reopen_bytes_.has_value()) {
    const uint64_t bytes = *std::exchange(reopen_bytes_, std::nullopt);
    absl::StatusOr<RecordWriter> writer = RecordWriter::Reopen(environment_, PathOf(parts_ - 1), bytes);
    if (writer.ok()) {
      writer_ = *std::move(writer);
      return absl::OkStatus();
    }
  }
  writer_.reset();
  const std::string path = PathOf(parts_);
  absl::StatusOr<RecordWriter> writer = RecordWriter::Create(environment_, path, kMagic);
  // A number that no file has would look like a part that was taken away.
  if (writer.ok() || environment_.Exists(path)) ++parts_;
  if (!writer.ok()) return writer.status();
  environment_.Protect(path, Protection::kAppendOnly).IgnoreError();
  writer_ = *std::move(writer);
  return absl::OkStatus();
}

absl::Status Heads::AppendOnce(const std::string& text) {
  TURRET_RETURN_IF_ERROR(EnsureWriter());
  absl::Status written = writer_->Append(AsBytes(text)).status();
  if (written.ok()) written = writer_->Sync().status();
  if (!written.ok()) writer_.reset();
  return written;
}

absl::Status Heads::Append(const std::string& text) {
  if (AppendOnce(text).ok()) return absl::OkStatus();
  return AppendOnce(text);
}

absl::Status Heads::ForEach(const std::function<absl::Status(std::string_view)>& visit) const {
  absl::Status visited;
  for (uint32_t part = 0; part < parts_ && visited.ok(); ++part) {
    TURRET_RETURN_IF_ERROR(Scan(part, [&](std::string_view text) {
                             if (visited.ok()) visited = visit(text);
                           }).status());
  }
  return visited;
}

}  // namespace turret
