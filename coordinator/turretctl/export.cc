#include "coordinator/turretctl/export.h"

#include <sys/stat.h>

#include <filesystem>
#include <optional>

#include "coordinator/turretctl/find_call.h"
#include "coordinator/turretctl/output_file.h"
#include "coordinator/turretctl/progress.h"
#include "fmt/format.h"
#include "storage/base/status.h"

namespace turret::turretctl {
namespace {

namespace fs = std::filesystem;

absl::Status FolderError(std::string_view what, const std::string& path, const std::error_code& error) {
  return absl::InternalError(fmt::format("cannot {} {}: {}", what, path, error.message()));
}

// A folder that takes its name when it is complete, and goes with the object otherwise.
class Bag {
 public:
  static absl::StatusOr<Bag> Create(const std::string& folder) {
    std::error_code error;
    if (fs::exists(fs::symlink_status(folder, error)) &&
        !(fs::is_directory(folder, error) && fs::is_empty(folder, error)))
      return absl::AlreadyExistsError(
          fmt::format("{} exists and is no empty folder: name another one with -o", folder));
    Bag bag(fs::path(folder).lexically_normal().string());
    if (fs::exists(bag.part_, error))
      return absl::AlreadyExistsError(
          fmt::format("{} exists: does another export run? Else remove it", bag.part_));
    fs::create_directories(bag.part_, error);
    if (error) return FolderError("create", bag.part_, error);
    bag.open_ = true;
    chmod(bag.part_.c_str(), S_IRWXU);
    return bag;
  }
  Bag(Bag&& other) noexcept
      : folder_(std::move(other.folder_)),
        part_(std::move(other.part_)),
        file_(std::move(other.file_)),
        open_(std::exchange(other.open_, false)) {}
  Bag& operator=(Bag&&) = delete;
  ~Bag() {
    file_.reset();
    std::error_code ignored;
    if (open_) fs::remove_all(part_, ignored);
  }

  absl::Status Add(const v1::ExportChunk& chunk) {
    if (!chunk.path().empty() && chunk.path() != name_) TURRET_RETURN_IF_ERROR(Begin(chunk.path()));
    if (!file_.has_value()) return absl::DataLossError("the coordinator sent a piece of no file");
    executable_ = executable_ || chunk.executable();
    bytes_ += chunk.data().size();
    return file_->Write(chunk.data());
  }
  absl::Status Complete() {
    TURRET_RETURN_IF_ERROR(EndFile());
    std::error_code error;
    fs::remove(folder_, error);  // An empty one.
    fs::rename(part_, folder_, error);
    if (error) return FolderError("rename to", folder_, error);
    open_ = false;
    return absl::OkStatus();
  }
  uint64_t bytes() const { return bytes_; }
  uint64_t files() const { return files_; }
  const std::string& folder() const { return folder_; }

 private:
  explicit Bag(std::string folder) : folder_(std::move(folder)) {
    if (folder_.size() > 1 && folder_.ends_with('/')) folder_.pop_back();
    part_ = folder_ + ".part";
  }
  absl::Status Begin(const std::string& name) {
    TURRET_RETURN_IF_ERROR(EndFile());
    TURRET_ASSIGN_OR_RETURN(path_, SafePath(part_, name));
    std::error_code error;
    fs::create_directories(fs::path(path_).parent_path(), error);
    if (error) return FolderError("create the folder of", path_, error);
    TURRET_ASSIGN_OR_RETURN(OutputFile file, OutputFile::Create(path_, /*replace=*/false));
    file_.emplace(std::move(file));
    name_ = name;
    ++files_;
    return absl::OkStatus();
  }
  absl::Status EndFile() {
    if (!file_.has_value()) return absl::OkStatus();
    TURRET_RETURN_IF_ERROR(file_->Complete());
    file_.reset();
    if (executable_) chmod(path_.c_str(), S_IRWXU);
    executable_ = false;
    return absl::OkStatus();
  }

  std::string folder_;
  std::string part_;
  std::string name_;  // Of the open file, as the coordinator told it.
  std::string path_;
  std::optional<OutputFile> file_;
  bool executable_ = false;
  bool open_ = false;
  uint64_t bytes_ = 0;
  uint64_t files_ = 0;
};

absl::Status Fetch(Session& session, const v1::ExportRequest& request, Bag& bag) {
  grpc::ClientContext context;
  const auto reader = session.stub->Export(&context, request);
  Progress progress(session, "export");
  for (v1::ExportChunk chunk; reader->Read(&chunk);) {
    if (absl::Status added = bag.Add(chunk); !added.ok()) {
      context.TryCancel();
      return added;
    }
    progress.Calls(chunk.calls_done(), chunk.calls_total(), bag.bytes());
  }
  progress.Done();
  return session.Check(reader->Finish());
}

}  // namespace

absl::Status RunExport(Session& session, const ExportOptions& options) {
  v1::ExportRequest request;
  request.set_reason(options.reason);
  for (const std::string& call : options.calls) {
    TURRET_ASSIGN_OR_RETURN(*request.add_call_ids(), FindCallId(session, call));
  }
  TURRET_ASSIGN_OR_RETURN(Bag bag, Bag::Create(options.folder));
  TURRET_RETURN_IF_ERROR(Fetch(session, request, bag));
  if (bag.files() == 0) return absl::InternalError("the coordinator sent no file");
  TURRET_RETURN_IF_ERROR(bag.Complete());
  if (session.json) {
    session.Print({{"folder", bag.folder()},
                   {"calls", request.call_ids_size()},
                   {"files", bag.files()},
                   {"bytes", bag.bytes()}});
    return absl::OkStatus();
  }
  session.out << fmt::format("{}: {} calls, {} files, {}\nCheck it, here or anywhere: {}/verify.sh\n",
                             bag.folder(), request.call_ids_size(), bag.files(), ShowBytes(bag.bytes()),
                             bag.folder());
  return absl::OkStatus();
}

}  // namespace turret::turretctl
