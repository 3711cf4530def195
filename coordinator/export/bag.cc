#include "coordinator/export/bag.h"

#include <algorithm>

#include "coordinator/export/verify_script.h"
#include "fmt/format.h"
#include "storage/base/status.h"

namespace turret::coordinator {
namespace {

constexpr std::string_view kPayloadFolder = "data/";
constexpr std::string_view kBagIt = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";

// A line of bag-info.txt must stay one line, whatever somebody gave as a reason.
std::string OneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  return text;
}

}  // namespace

absl::Status BagWriter::Begin(const std::string& path, bool executable) {
  if (digest_.has_value()) return absl::FailedPreconditionError(fmt::format("{} has not ended", path_));
  path_ = path;
  digest_.emplace();
  chunk_.set_path(path);
  chunk_.set_executable(executable);
  return absl::OkStatus();
}

absl::Status BagWriter::Write(Bytes bytes) {
  digest_->Update(bytes);
  if (path_.starts_with(kPayloadFolder)) payload_bytes_ += bytes.size();
  while (!bytes.empty()) {
    const size_t take = std::min(bytes.size(), kExportChunkBytesMax - chunk_.data().size());
    chunk_.mutable_data()->append(AsText(bytes.first(take)));
    bytes = bytes.subspan(take);
    if (chunk_.data().size() == kExportChunkBytesMax) TURRET_RETURN_IF_ERROR(Send());
  }
  return absl::OkStatus();
}

absl::Status BagWriter::End() {
  if (!chunk_.path().empty() || !chunk_.data().empty()) TURRET_RETURN_IF_ERROR(Send());
  (path_.starts_with(kPayloadFolder) ? payload_ : tags_).push_back({path_, digest_->Peek()});
  digest_.reset();
  return absl::OkStatus();
}

absl::Status BagWriter::File(const std::string& path, Bytes bytes, bool executable) {
  TURRET_RETURN_IF_ERROR(Begin(path, executable));
  TURRET_RETURN_IF_ERROR(Write(bytes));
  return End();
}

void BagWriter::SetProgress(uint32_t calls_done, uint32_t calls_total) {
  calls_done_ = calls_done;
  calls_total_ = calls_total;
}

absl::Status BagWriter::Send() {
  chunk_.set_calls_done(calls_done_);
  chunk_.set_calls_total(calls_total_);
  const v1::ExportChunk chunk = std::move(chunk_);
  chunk_ = {};
  return sink_(chunk);
}

std::string BagWriter::Manifest(const std::vector<Entry>& entries) {
  std::string text;
  for (const Entry& entry : entries) text += fmt::format("{}  {}\n", ToHex(entry.digest), entry.path);
  return text;
}

absl::Status BagWriter::Finish(Info info, const ExportSigner& signer, int64_t signed_utc_ns) {
  info.emplace_back("Payload-Oxum", fmt::format("{}.{}", payload_bytes_, payload_.size()));
  std::string info_text;
  for (const auto& [name, value] : info) info_text += fmt::format("{}: {}\n", name, OneLine(value));
  TURRET_RETURN_IF_ERROR(File("bagit.txt", AsBytes(kBagIt)));
  TURRET_RETURN_IF_ERROR(File("bag-info.txt", AsBytes(info_text)));
  TURRET_RETURN_IF_ERROR(File("export-certificate.pem", AsBytes(signer.certificate_pem())));
  TURRET_RETURN_IF_ERROR(File("verify.sh", AsBytes(kVerifyScript), /*executable=*/true));
  TURRET_RETURN_IF_ERROR(File("manifest-sha256.txt", AsBytes(Manifest(payload_))));
  const std::string tag_manifest = Manifest(tags_);
  TURRET_RETURN_IF_ERROR(File("tagmanifest-sha256.txt", AsBytes(tag_manifest)));
  TURRET_ASSIGN_OR_RETURN(const Buffer signature, signer.Sign(AsBytes(tag_manifest), signed_utc_ns));
  return File("signature.p7s", signature);
}

}  // namespace turret::coordinator
