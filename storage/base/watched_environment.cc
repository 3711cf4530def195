#include "storage/base/watched_environment.h"

#include <utility>

#include "storage/base/status.h"

namespace turret {

absl::Status WatchedEnvironment::Watch(std::string_view operation, absl::Status status) const {
  if (!status.ok() && !absl::IsNotFound(status) && !absl::IsAlreadyExists(status)) failed_(operation, status);
  return status;
}

template <class Value>
absl::StatusOr<Value> WatchedEnvironment::Watch(std::string_view operation,
                                                absl::StatusOr<Value> value) const {
  Watch(operation, value.status()).IgnoreError();
  return value;
}

class WatchedEnvironment::File final : public AppendFile {
 public:
  File(const WatchedEnvironment& environment, std::unique_ptr<AppendFile> base)
      : environment_(environment), base_(std::move(base)) {}
  absl::Status Append(Bytes bytes) override { return environment_.Watch("write", base_->Append(bytes)); }
  absl::Status Sync() override { return environment_.Watch("sync", base_->Sync()); }
  uint64_t size_bytes() const override { return base_->size_bytes(); }
  absl::Status Close() override { return environment_.Watch("write", base_->Close()); }

 private:
  const WatchedEnvironment& environment_;
  const std::unique_ptr<AppendFile> base_;
};

class WatchedEnvironment::Reader final : public ReadFile {
 public:
  Reader(const WatchedEnvironment& environment, std::unique_ptr<ReadFile> base)
      : environment_(environment), base_(std::move(base)) {}
  absl::StatusOr<Buffer> ReadAt(uint64_t offset, size_t bytes) const override {
    return environment_.Watch("read", base_->ReadAt(offset, bytes));
  }
  absl::StatusOr<uint64_t> SizeBytes() const override {
    return environment_.Watch("read", base_->SizeBytes());
  }

 private:
  const WatchedEnvironment& environment_;
  const std::unique_ptr<ReadFile> base_;
};

absl::StatusOr<std::unique_ptr<AppendFile>> WatchedEnvironment::Wrap(
    absl::StatusOr<std::unique_ptr<AppendFile>> file) {
  TURRET_ASSIGN_OR_RETURN(std::unique_ptr<AppendFile> opened, Watch("create", std::move(file)));
  return std::make_unique<File>(*this, std::move(opened));
}

absl::StatusOr<std::unique_ptr<AppendFile>> WatchedEnvironment::CreateForAppend(const std::string& path) {
  return Wrap(base_.CreateForAppend(path));
}

absl::StatusOr<std::unique_ptr<AppendFile>> WatchedEnvironment::CreatePreallocated(const std::string& path,
                                                                                   uint64_t bytes) {
  return Wrap(base_.CreatePreallocated(path, bytes));
}

absl::StatusOr<std::unique_ptr<AppendFile>> WatchedEnvironment::OpenForAppend(const std::string& path) {
  return Wrap(base_.OpenForAppend(path));
}

absl::StatusOr<std::unique_ptr<ReadFile>> WatchedEnvironment::OpenForRead(const std::string& path) {
  TURRET_ASSIGN_OR_RETURN(std::unique_ptr<ReadFile> opened, Watch("read", base_.OpenForRead(path)));
  return std::make_unique<Reader>(*this, std::move(opened));
}

absl::StatusOr<Buffer> WatchedEnvironment::ReadAll(const std::string& path) {
  return Watch("read", base_.ReadAll(path));
}

absl::Status WatchedEnvironment::WriteAtomically(const std::string& path, Bytes bytes) {
  return Watch("write", base_.WriteAtomically(path, bytes));
}

absl::Status WatchedEnvironment::CreateDirectories(const std::string& path) {
  return Watch("create", base_.CreateDirectories(path));
}

absl::Status WatchedEnvironment::SyncDirectory(const std::string& path) {
  return Watch("sync", base_.SyncDirectory(path));
}

absl::StatusOr<std::vector<std::string>> WatchedEnvironment::List(const std::string& directory) {
  return Watch("read", base_.List(directory));
}

bool WatchedEnvironment::Exists(const std::string& path) { return base_.Exists(path); }

absl::Status WatchedEnvironment::Remove(const std::string& path) {
  return Watch("remove", base_.Remove(path));
}

absl::Status WatchedEnvironment::Rename(const std::string& from, const std::string& to) {
  return Watch("rename", base_.Rename(from, to));
}

absl::Status WatchedEnvironment::SyncAndForget(const std::string& path) {
  return Watch("sync", base_.SyncAndForget(path));
}

absl::Status WatchedEnvironment::Protect(const std::string& path, Protection protection) {
  return base_.Protect(path, protection);  // Those who rely on it say so.
}

absl::StatusOr<Protection> WatchedEnvironment::ReadProtection(const std::string& path) {
  return base_.ReadProtection(path);
}

}  // namespace turret
