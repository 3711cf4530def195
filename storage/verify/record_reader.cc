#include "storage/verify/record_reader.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "fmt/format.h"

namespace turret::verify {
namespace {

constexpr size_t kLengthBytes = 4;
constexpr size_t kCheckBytes = 8;
constexpr uint64_t kPayloadBytesMax = uint64_t{16} << 20;
constexpr uint64_t kSmallFileBytesMax = uint64_t{16} << 20;

int OpenFile(const std::string& archive, const std::string& file, uint64_t& size, Report& report) {
  const int descriptor = open((archive + "/" + file).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  struct stat state {};
  if (descriptor < 0 || fstat(descriptor, &state) != 0) {
    report.Add({.file = file}, fmt::format("cannot be read: {}", std::strerror(errno)));
    if (descriptor >= 0) close(descriptor);
    return -1;
  }
  size = static_cast<uint64_t>(state.st_size);
  return descriptor;
}

bool ReadExactly(int descriptor, uint64_t offset, std::span<uint8_t> out) {
  for (size_t done = 0; done < out.size();) {
    const ssize_t got =
        pread(descriptor, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    done += static_cast<size_t>(got);
  }
  return true;
}

}  // namespace

std::unique_ptr<RecordReader> RecordReader::OpenOrStillborn(const std::string& archive,
                                                            const std::string& file, std::string_view magic,
                                                            Report& report) {
  uint64_t size = 0;
  const int descriptor = OpenFile(archive, file, size, report);
  if (descriptor < 0) return nullptr;
  std::unique_ptr<RecordReader> reader(new RecordReader(descriptor, file, size, report));
  if (size < magic.size()) return reader;
  std::vector<uint8_t> head;
  if (!reader->Read(0, magic.size(), head)) return nullptr;
  const bool zeros = std::ranges::all_of(head, [](uint8_t byte) { return byte == 0; });
  if (zeros && size <= kStillbornBytesMax) return reader;  // Its length reached the disk, its bytes did not.
  if (!std::ranges::equal(head, ViewOf(magic))) {
    report.Add({.file = file, .offset_bytes = 0}, fmt::format("does not begin with \"{}\"", magic));
    return nullptr;
  }
  reader->offset_ = magic.size();
  return reader;
}

std::unique_ptr<RecordReader> RecordReader::Open(const std::string& archive, const std::string& file,
                                                 std::string_view magic, Report& report) {
  std::unique_ptr<RecordReader> reader = OpenOrStillborn(archive, file, magic, report);
  if (!reader || reader->offset_bytes() > 0) return reader;
  report.Add({.file = file}, fmt::format("has {} bytes: not even its magic", reader->size_bytes()));
  return nullptr;
}

RecordReader::~RecordReader() { close(descriptor_); }

bool RecordReader::Read(uint64_t offset, size_t bytes, std::vector<uint8_t>& out) {
  out.resize(bytes);
  if (ReadExactly(descriptor_, offset, out)) return true;
  report_.Add({.file = file_, .offset_bytes = offset}, fmt::format("{} bytes cannot be read", bytes));
  return false;
}

std::optional<Record> RecordReader::Next(uint64_t end) {
  end = std::min(end, size_);
  if (offset_ == 0 || offset_ + kLengthBytes + kCheckBytes > end) return std::nullopt;
  std::vector<uint8_t> length;
  if (!Read(offset_, kLengthBytes, length)) return std::nullopt;
  const uint64_t payload_bytes = BigEndian(length);
  const uint64_t record_end = offset_ + kLengthBytes + payload_bytes + kCheckBytes;
  if (payload_bytes > kPayloadBytesMax || record_end > end) return std::nullopt;
  if (!Read(offset_, record_end - offset_, buffer_)) return std::nullopt;
  const View record(buffer_);
  const View checked = record.first(kLengthBytes + payload_bytes);
  const Hash hash = Sha256({checked});
  const bool fits = std::ranges::equal(record.last(kCheckBytes), View(hash).first(kCheckBytes));
  const uint64_t begin = offset_;
  offset_ = record_end;
  return Record{number_++, begin, fits, checked.subspan(kLengthBytes)};
}

std::optional<Hash> RecordReader::HashFrom(uint64_t begin) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  if (EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1) return std::nullopt;
  std::vector<uint8_t> piece;
  for (uint64_t offset = begin; offset < size_; offset += piece.size()) {
    if (!Read(offset, std::min<uint64_t>(size_ - offset, 1 << 20), piece)) return std::nullopt;
    if (EVP_DigestUpdate(context.get(), piece.data(), piece.size()) != 1) return std::nullopt;
  }
  Hash hash;
  if (EVP_DigestFinal_ex(context.get(), hash.data(), nullptr) != 1) return std::nullopt;
  return hash;
}

std::optional<std::string> ReadWhole(const std::string& archive, const std::string& file, Report& report) {
  uint64_t size = 0;
  const int descriptor = OpenFile(archive, file, size, report);
  if (descriptor < 0) return std::nullopt;
  std::string text(std::min(size, kSmallFileBytesMax), '\0');
  const bool ok = size <= kSmallFileBytesMax &&
                  ReadExactly(descriptor, 0, {reinterpret_cast<uint8_t*>(text.data()), text.size()});
  close(descriptor);
  if (ok) return text;
  report.Add({.file = file}, fmt::format("{} bytes cannot be read", size));
  return std::nullopt;
}

}  // namespace turret::verify
