#include "node/spool/block.h"

#include <algorithm>

#include "fmt/format.h"
#include "node/spool/buffer_pool.h"
#include "storage/base/status.h"

namespace turret::node {
namespace {

enum class Kind : uint8_t {
  kDatagram = 1,
  kUnitKey = 2,
  kFact = 3,
  kRunStarted = 4,
  kCallState = 5,
  kStreamState = 6
};

constexpr size_t kRecordHeaderBytes = 1 + 4;
constexpr size_t kDatagramHeaderBytes = kIdBytes + 8 + 16 + 2;

// Reads fields off the front; nothing is read past the end, `ok` tells afterwards.
class Fields {
 public:
  explicit Fields(Bytes rest) : rest_(rest) {}
  Bytes Take(size_t bytes) {
    ok_ = ok_ && bytes <= rest_.size();
    if (!ok_) return {};
    const Bytes taken = rest_.first(bytes);
    rest_ = rest_.subspan(bytes);
    return taken;
  }
  template <class Array>
  Array TakeArray() {
    Array array{};
    const Bytes taken = Take(array.size());
    std::copy(taken.begin(), taken.end(), array.begin());
    return array;
  }
  std::string TakeText() {
    const Bytes length = Take(1);
    return length.empty() ? std::string() : ToString(Take(length[0]));
  }
  Bytes rest() const { return rest_; }
  bool ok() const { return ok_; }

 private:
  Bytes rest_;
  bool ok_ = true;
};

template <class It>
It PutBigEndian(It out, uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) *out++ = static_cast<uint8_t>(value >> shift);
  return out;
}

void AppendHeader(Buffer& out, Kind kind, size_t field_bytes) {
  out.push_back(static_cast<uint8_t>(kind));
  StoreU32(out, static_cast<uint32_t>(field_bytes));
}

void AppendState(Buffer& out, Kind kind, Bytes state, Bytes more) {
  AppendHeader(out, kind, state.size() + more.size());
  Append(out, state);
  Append(out, more);
}

void AppendText(Buffer& out, const std::string& text) {
  const size_t bytes = std::min<size_t>(text.size(), 255);
  out.push_back(static_cast<uint8_t>(bytes));
  Append(out, AsBytes(text).first(bytes));
}

bool VisitDatagram(uint64_t position, Fields fields, RecordVisitor& visitor) {
  Datagram datagram;
  datagram.stream.random = fields.TakeArray<decltype(datagram.stream.random)>();
  const auto arrival = fields.TakeArray<std::array<uint8_t, 8>>();
  datagram.arrival_utc_ns = static_cast<int64_t>(LoadU64(arrival));
  datagram.source.address = fields.TakeArray<decltype(datagram.source.address)>();
  datagram.source.port = LoadU16(fields.TakeArray<std::array<uint8_t, 2>>());
  datagram.bytes = fields.rest();
  if (fields.ok()) visitor.OnDatagram(position, datagram);
  return fields.ok();
}

bool VisitUnitKey(uint64_t position, Fields fields, RecordVisitor& visitor) {
  UnitKeyRecord unit;
  unit.unit.random = fields.TakeArray<decltype(unit.unit.random)>();
  unit.call.random = fields.TakeArray<decltype(unit.call.random)>();
  const Bytes key = fields.Take(kSecretKeyBytes);
  unit.storage_class = fields.TakeText();
  unit.day = fields.TakeText();
  if (!fields.ok() || !fields.rest().empty()) return false;
  std::copy(key.begin(), key.end(), unit.key.mutable_bytes().begin());
  visitor.OnUnitKey(position, std::move(unit));
  return true;
}

template <class Message, class Visit>
bool VisitMessage(Bytes bytes, Visit visit) {
  Message message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
  visit(std::move(message));
  return true;
}

bool VisitRecord(uint64_t position, Kind kind, Bytes fields, RecordVisitor& visitor) {
  switch (kind) {
    case Kind::kDatagram:
      return VisitDatagram(position, Fields(fields), visitor);
    case Kind::kUnitKey:
      return VisitUnitKey(position, Fields(fields), visitor);
    case Kind::kFact:
      return VisitMessage<v1::Fact>(fields,
                                    [&](v1::Fact fact) { visitor.OnFact(position, std::move(fact)); });
    case Kind::kRunStarted:
      visitor.OnRunStarted(position);
      return fields.empty();
    case Kind::kCallState:
      return VisitMessage<v1::CallState>(fields,
                                         [&](v1::CallState state) { visitor.OnCallState(std::move(state)); });
    case Kind::kStreamState:
      return VisitMessage<v1::StreamState>(
          fields, [&](v1::StreamState state) { visitor.OnStreamState(std::move(state)); });
  }
  return false;
}

}  // namespace

Block::~Block() {
  Wipe(plaintext_);
  if (pool_ != nullptr) pool_->Put(std::move(plaintext_));
}

absl::Status Block::Visit(RecordVisitor& visitor) const {
  size_t offset = 0;
  while (offset < plaintext_.size()) {
    Fields record(Bytes(plaintext_).subspan(offset));
    const Bytes header = record.Take(kRecordHeaderBytes);
    const Bytes fields = header.empty() ? header : record.Take(LoadU32(header.subspan(1)));
    if (!record.ok() || !VisitRecord(position_ + offset, static_cast<Kind>(header[0]), fields, visitor))
      return absl::DataLossError(
          fmt::format("spool block at position {}: no whole record at offset {}", position_, offset));
    offset += kRecordHeaderBytes + fields.size();
  }
  return absl::OkStatus();
}

size_t DatagramRecordBytes(const Datagram& datagram) {
  return kRecordHeaderBytes + kDatagramHeaderBytes + datagram.bytes.size();
}

void AppendDatagramRecord(Buffer& plaintext, const Datagram& datagram) {
  std::array<uint8_t, kRecordHeaderBytes + kDatagramHeaderBytes> header;
  auto out = header.begin();
  *out++ = static_cast<uint8_t>(Kind::kDatagram);
  out = PutBigEndian(out, kDatagramHeaderBytes + datagram.bytes.size(), 4);
  out = std::copy(datagram.stream.random.begin(), datagram.stream.random.end(), out);
  out = PutBigEndian(out, static_cast<uint64_t>(datagram.arrival_utc_ns), 8);
  out = std::copy(datagram.source.address.begin(), datagram.source.address.end(), out);
  PutBigEndian(out, datagram.source.port, 2);
  Append(plaintext, header);
  Append(plaintext, datagram.bytes);
}

void AppendUnitKeyRecord(Buffer& plaintext, const UnitKeyRecord& unit) {
  const size_t text_bytes =
      2 + std::min<size_t>(unit.storage_class.size(), 255) + std::min<size_t>(unit.day.size(), 255);
  AppendHeader(plaintext, Kind::kUnitKey, 2 * kIdBytes + kSecretKeyBytes + text_bytes);
  Append(plaintext, unit.unit.bytes());
  Append(plaintext, unit.call.bytes());
  Append(plaintext, unit.key.bytes());
  AppendText(plaintext, unit.storage_class);
  AppendText(plaintext, unit.day);
}

void AppendFactRecord(Buffer& plaintext, const v1::Fact& fact) {
  const size_t fact_bytes = fact.ByteSizeLong();
  AppendHeader(plaintext, Kind::kFact, fact_bytes);
  plaintext.resize(plaintext.size() + fact_bytes);
  fact.SerializeWithCachedSizesToArray(plaintext.data() + plaintext.size() - fact_bytes);
}

void AppendRunStartedRecord(Buffer& plaintext) { AppendHeader(plaintext, Kind::kRunStarted, 0); }

void AppendCallStateRecord(Buffer& plaintext, Bytes state, Bytes more) {
  AppendState(plaintext, Kind::kCallState, state, more);
}

void AppendStreamStateRecord(Buffer& plaintext, Bytes state, Bytes more) {
  AppendState(plaintext, Kind::kStreamState, state, more);
}

}  // namespace turret::node
