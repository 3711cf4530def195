// What stands in the spool: datagrams as they arrived, unit keys, facts. Committed in blocks, one sealed box each;
// everything behind the spool reads blocks, whether they come from memory or from disk.
//
// Plaintext of a block: record*; record = kind, u8 | length of the fields, u32 | fields. FORMAT.md, "Spool".
//   1, datagram  stream id, 16 bytes | arrival UTC ns, i64 | source address, 16 | source port, u16 | datagram as it came
//   2, unit key  unit id, 16 | call id, 16 | key, 32 | storage class, length u8 and text | day, length u8 and text
//   3, fact      Fact (capture.proto)
//   4, run       nothing: another process of this node goes on from here
// and in snapshots only:
//   5, call      CallState (spool.proto)
//   6, stream    StreamState (spool.proto)
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/base/attributes.h"
#include "absl/status/status.h"
#include "storage/base/bytes.h"
#include "storage/base/ids.h"
#include "storage/base/secret.h"
#include "turret/v1/capture.pb.h"
#include "turret/v1/spool.pb.h"

namespace turret::node {

class BufferPool;

/// Where a datagram came from: IPv4 as mapped IPv6.
struct SourceAddress {
  std::array<uint8_t, 16> address{};
  uint16_t port = 0;
  auto operator<=>(const SourceAddress&) const = default;
};

/// A datagram on a stream's port, RTP header included. `bytes` is borrowed from the block or the caller.
struct Datagram {
  StreamId stream;
  int64_t arrival_utc_ns = 0;  // Kernel receive timestamp: the documented point (RTS 25 Art. 4).
  SourceAddress source;
  Bytes bytes;
};

/// A new unit: its key stays with the audio in the spool, so that a backlog can be sealed later.
struct UnitKeyRecord {
  UnitId unit;
  CallId call;
  std::string storage_class;
  std::string day;
  SecretKey key;
};

/// Handed each record of a block, in order, with its position (strictly growing over the life of the spool).
class RecordVisitor {
 public:
  virtual ~RecordVisitor() = default;
  virtual void OnDatagram(uint64_t position, const Datagram& datagram) = 0;
  virtual void OnUnitKey(uint64_t position, UnitKeyRecord unit) = 0;
  virtual void OnFact(uint64_t position, v1::Fact fact) = 0;
  virtual void OnRunStarted(uint64_t /*position*/) {}
  virtual void OnCallState(v1::CallState /*state*/) {}
  virtual void OnStreamState(v1::StreamState /*state*/) {}
};

/// A committed block in clear, in memory only. Immutable, shared between threads; wiped when it goes.
class Block {
 public:
  /// The plaintext's memory goes back to `pool`, if there is one.
  Block(uint64_t position, Buffer plaintext, std::shared_ptr<BufferPool> pool = nullptr)
      : position_(position), plaintext_(std::move(plaintext)), pool_(std::move(pool)) {}
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  uint64_t position() const { return position_; }  // Of its first record; a record's is this plus its offset.
  uint64_t end_position() const { return position_ + plaintext_.size(); }
  Bytes plaintext() const { return plaintext_; }
  /// Errors: DataLoss when the plaintext is not a row of whole records.
  [[nodiscard]] absl::Status Visit(RecordVisitor& visitor) const;

 private:
  uint64_t position_;
  Buffer plaintext_;
  std::shared_ptr<BufferPool> pool_;
};

/// Appends one record to a block's plaintext (a unit key: class and day up to 255 bytes each).
void AppendDatagramRecord(Buffer& plaintext, const Datagram& datagram);
void AppendUnitKeyRecord(Buffer& plaintext, const UnitKeyRecord& unit);
void AppendFactRecord(Buffer& plaintext, const v1::Fact& fact);
void AppendRunStartedRecord(Buffer& plaintext);
/// A CallState, or StreamState, as bytes in two pieces.
void AppendCallStateRecord(Buffer& plaintext, Bytes state, Bytes more);
void AppendStreamStateRecord(Buffer& plaintext, Bytes state, Bytes more);
/// How many bytes AppendDatagramRecord appends.
size_t DatagramRecordBytes(const Datagram& datagram);

}  // namespace turret::node
