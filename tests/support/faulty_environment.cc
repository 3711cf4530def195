#include "tests/support/faulty_environment.h"

#include <filesystem>
#include <fstream>

#include "storage/base/status.h"
#include "tests/support/support.h"

namespace turret::test {

using Operation = FaultyEnvironment::Operation;

class FaultyEnvironment::File final : public AppendFile {
 public:
  File(FaultyEnvironment& environment, std::string path, std::unique_ptr<AppendFile> base)
      : environment_(environment), path_(std::move(path)), base_(std::move(base)) {}

  absl::Status Append(Bytes bytes) override {
    const absl::Status fault = environment_.Do(Operation::kWrite);
    TURRET_RETURN_IF_ERROR(base_->Append(fault.ok() ? bytes : bytes.first(bytes.size() / 2)));
    std::lock_guard lock(environment_.mutex_);
    environment_.written_[path_].size_bytes = base_->size_bytes();
    return fault;
  }

  // What a failed sync did not write is never written: later ones change nothing about that.
  absl::Status Sync() override {
    const absl::Status fault = environment_.Do(Operation::kSync);
    const absl::Status synced = fault.ok() ? base_->Sync() : fault;
    std::lock_guard lock(environment_.mutex_);
    Written& written = environment_.written_[path_];
    written.sync_failed = written.sync_failed || !synced.ok();
    if (!written.sync_failed) written.synced_bytes = base_->size_bytes();
    return synced;
  }

  uint64_t size_bytes() const override { return base_->size_bytes(); }
  absl::Status Close() override {
    std::lock_guard lock(environment_.mutex_);
    environment_.written_[path_].set_aside_bytes = 0;
    return base_->Close();
  }

 private:
  FaultyEnvironment& environment_;
  const std::string path_;
  const std::unique_ptr<AppendFile> base_;
};

class FaultyEnvironment::Reader final : public ReadFile {
 public:
  Reader(FaultyEnvironment& environment, std::unique_ptr<ReadFile> base)
      : environment_(environment), base_(std::move(base)) {}
  absl::StatusOr<Buffer> ReadAt(uint64_t offset, size_t bytes) const override {
    TURRET_RETURN_IF_ERROR(environment_.Do(Operation::kRead));
    return base_->ReadAt(offset, bytes);
  }
  absl::StatusOr<uint64_t> SizeBytes() const override { return base_->SizeBytes(); }

 private:
  FaultyEnvironment& environment_;
  const std::unique_ptr<ReadFile> base_;
};

void FaultyEnvironment::FailNth(Operation operation, uint64_t nth, absl::Status error) {
  std::lock_guard lock(mutex_);
  faults_[operation].at = counts_[operation] + nth;
  faults_[operation].error = std::move(error);
}

void FaultyEnvironment::Break(Operation operation, absl::Status error) {
  std::lock_guard lock(mutex_);
  faults_[operation].broken = std::move(error);
}

void FaultyEnvironment::Repair() {
  std::lock_guard lock(mutex_);
  faults_.clear();
}

uint64_t FaultyEnvironment::count(Operation operation) const {
  std::lock_guard lock(mutex_);
  const auto it = counts_.find(operation);
  return it == counts_.end() ? 0 : it->second;
}

absl::Status FaultyEnvironment::Do(Operation operation) {
  std::lock_guard lock(mutex_);
  const uint64_t nth = ++counts_[operation];
  const Fault& fault = faults_[operation];
  return nth == fault.at ? fault.error : fault.broken;
}

void FaultyEnvironment::PowerCut(Random& random) {
  std::lock_guard lock(mutex_);
  for (const auto& [path, written] : written_) {
    if (written.size_bytes <= written.synced_bytes || !base_.Exists(path)) continue;
    const uint64_t kept = written.synced_bytes + Below(random, written.size_bytes - written.synced_bytes + 1);
    CutTo(path, kept, written.set_aside_bytes);
  }
  written_.clear();
}

void FaultyEnvironment::CutTo(const std::string& path, uint64_t bytes, uint64_t set_aside_bytes) {
  const auto protection = base_.ReadProtection(path);
  base_.Protect(path, Protection::kNone).IgnoreError();  // Not every file system knows them.
  std::filesystem::resize_file(path, bytes);
  if (set_aside_bytes > bytes) std::filesystem::resize_file(path, set_aside_bytes);
  if (protection.ok()) base_.Protect(path, *protection).IgnoreError();
}

absl::StatusOr<std::unique_ptr<AppendFile>> FaultyEnvironment::Wrap(
    const std::string& path, uint64_t set_aside_bytes, absl::StatusOr<std::unique_ptr<AppendFile>> file) {
  TURRET_RETURN_IF_ERROR(file.status());
  std::lock_guard lock(mutex_);
  written_.try_emplace(path, Written{(*file)->size_bytes(), (*file)->size_bytes(), set_aside_bytes});
  return std::make_unique<File>(*this, path, *std::move(file));
}

absl::StatusOr<std::unique_ptr<AppendFile>> FaultyEnvironment::CreateForAppend(const std::string& path) {
  TURRET_RETURN_IF_ERROR(Do(Operation::kCreate));
  return Wrap(path, 0, base_.CreateForAppend(path));
}

absl::StatusOr<std::unique_ptr<AppendFile>> FaultyEnvironment::CreatePreallocated(const std::string& path,
                                                                                  uint64_t bytes) {
  TURRET_RETURN_IF_ERROR(Do(Operation::kCreate));
  return Wrap(path, bytes, base_.CreatePreallocated(path, bytes));
}

absl::StatusOr<std::unique_ptr<AppendFile>> FaultyEnvironment::OpenForAppend(const std::string& path) {
  TURRET_RETURN_IF_ERROR(Do(Operation::kCreate));
  return Wrap(path, 0, base_.OpenForAppend(path));
}

absl::StatusOr<std::unique_ptr<ReadFile>> FaultyEnvironment::OpenForRead(const std::string& path) {
  TURRET_ASSIGN_OR_RETURN(std::unique_ptr<ReadFile> file, base_.OpenForRead(path));
  return std::make_unique<Reader>(*this, std::move(file));
}

absl::StatusOr<Buffer> FaultyEnvironment::ReadAll(const std::string& path) {
  TURRET_RETURN_IF_ERROR(Do(Operation::kRead));
  return base_.ReadAll(path);
}

// Its steps count one by one; a fault in any of them leaves the old file.
absl::Status FaultyEnvironment::WriteAtomically(const std::string& path, Bytes bytes) {
  TURRET_RETURN_IF_ERROR(Do(Operation::kWrite));
  TURRET_RETURN_IF_ERROR(Do(Operation::kSync));
  TURRET_RETURN_IF_ERROR(Do(Operation::kRename));
  return base_.WriteAtomically(path, bytes);
}

absl::Status FaultyEnvironment::CreateDirectories(const std::string& path) {
  return base_.CreateDirectories(path);
}

absl::Status FaultyEnvironment::SyncDirectory(const std::string& path) {
  TURRET_RETURN_IF_ERROR(Do(Operation::kSyncDirectory));
  return base_.SyncDirectory(path);
}

absl::StatusOr<std::vector<std::string>> FaultyEnvironment::List(const std::string& directory) {
  return base_.List(directory);
}

bool FaultyEnvironment::Exists(const std::string& path) { return base_.Exists(path); }

absl::Status FaultyEnvironment::Remove(const std::string& path) {
  TURRET_RETURN_IF_ERROR(Do(Operation::kRemove));
  return base_.Remove(path);
}

absl::Status FaultyEnvironment::Rename(const std::string& from, const std::string& to) {
  TURRET_RETURN_IF_ERROR(Do(Operation::kRename));
  return base_.Rename(from, to);
}

absl::Status FaultyEnvironment::SyncAndForget(const std::string& path) {
  const absl::Status fault = Do(Operation::kSync);
  std::error_code missing;
  const uint64_t size_bytes = std::filesystem::file_size(path, missing);
  if (!missing) {
    std::lock_guard lock(mutex_);
    Written& written = written_.try_emplace(path, Written{size_bytes, size_bytes}).first->second;
    written.sync_failed = written.sync_failed || (!fault.ok() && written.size_bytes > written.synced_bytes);
    if (written.sync_failed && written.size_bytes > written.synced_bytes) {
      CutTo(path, written.synced_bytes, written.set_aside_bytes);
      written.size_bytes = written.synced_bytes;
    }
    // What the failed sync lost is gone from the cache as well: later writes and syncs are good again.
    if (fault.ok()) {
      written.synced_bytes = written.size_bytes;
      written.sync_failed = false;
    }
  }
  return fault.ok() ? base_.SyncAndForget(path) : fault;
}

absl::Status FaultyEnvironment::Protect(const std::string& path, Protection protection) {
  TURRET_RETURN_IF_ERROR(Do(Operation::kProtect));
  return base_.Protect(path, protection);
}

absl::StatusOr<Protection> FaultyEnvironment::ReadProtection(const std::string& path) {
  return base_.ReadProtection(path);
}

}  // namespace turret::test
