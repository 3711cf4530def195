// The inside of a Session, shared by its source files and nobody else.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "node/session/call_lines.h"
#include "node/session/rs_metadata.h"
#include "node/session/sdp.h"
#include "node/session/session.h"

namespace turret::node {

/// One stream: an m-line that is recorded.
struct SessionStream {
  StreamId id;
  size_t media_index = 0;
  uint16_t port = 0;
  std::string label;
  SdpCodec codec;
  uint32_t ptime_ms = 20;
  bool paused = false;
  bool open = true;  // Its port is; not yet after a restart.
  std::vector<v1::ChannelOf> channels;
  std::string participant_id;
};

/// A port of our own offer, until it is answered.
struct HeldPort {
  StreamId stream;
  uint16_t port = 0;
  std::string label;
  bool open = true;  // Not yet after a restart.
};

/// What one request brought, read.
struct ReadOffer {
  std::optional<SdpOffer> sdp;
  RsMetadata metadata;
  bool has_metadata = false;
  std::set<v1::CallFlag> flags;
  std::vector<v1::VerbatimPart> verbatim;
};
absl::StatusOr<ReadOffer> ReadParts(const Offer& offer);
std::string SdpText(const Offer& offer);

/// Whether the m-line still offers what the stream is recorded in.
bool Offers(const SdpMedia& media, const SdpCodec& codec);

struct Session::State {
  explicit State(const SessionParts& session_parts) : parts(session_parts) {}

  /// Opens streams for the m-lines that have none yet.
  [[nodiscard]] absl::Status OpenStreams(const SdpOffer& sdp);
  void AddStream(StreamId id, uint16_t port, size_t media_index, const SdpMedia& media);
  void AssignNewStreams(size_t first_new);
  /// Binds what our own offer offers, and makes it.
  [[nodiscard]] absl::Status HoldPorts();
  [[nodiscard]] absl::Status OpenHeld(SdpOffer answer_to_us, absl::Time at);
  void CloseHeld();
  SdpAnswer NextDescription();
  std::string MakeAnswer(SdpOffer sdp);
  SessionStream* StreamOf(size_t media_index);
  [[nodiscard]] absl::Status UpdatePause(SessionStream& stream, const SdpOffer& sdp, absl::Time at);
  void CloseStreams(size_t from);

  v1::Fact MakeFact(absl::Time at) const;
  [[nodiscard]] absl::Status Append(const v1::Fact& fact);
  [[nodiscard]] absl::Status AppendUnitKey();
  [[nodiscard]] absl::Status AppendOpened(size_t from, absl::Time at);
  v1::Fact CallStartedFact() const;
  /// What a later request brought, if anything is new.
  [[nodiscard]] absl::Status AppendUpdate(const ReadOffer& read, const std::string& sdp_text, absl::Time at);
  v1::Fact StreamOpenedFact(const SessionStream& stream, absl::Time at) const;
  v1::Fact PauseFact(const SessionStream& stream, absl::Time at) const;
  /// A gap for each channel of a line that no stream ever fed: the books would miss it else.
  void AddUnfedChannels(std::vector<v1::Fact>& facts) const;

  const SessionParts parts;
  CallId call;
  SessionId session;
  UnitId unit;
  Offer first_offer;                               // Without its parts.
  std::shared_ptr<const v1::Enrolment> enrolment;  // Keeps the matched lines alive.
  std::vector<LineMatch> lines;
  std::vector<LineId> line_ids;
  Keeping keeping;
  RsMetadata metadata;
  std::set<v1::CallFlag> flags;
  std::vector<v1::VerbatimPart> verbatim;
  std::string last_sdp;
  std::vector<SessionStream> streams;
  std::vector<HeldPort> held;
  uint64_t answer_version = 0;
  std::string answer;
  std::string day;

  absl::Time answered;
  absl::Time ended;
  bool busy = false;     // Presence counts the lines as occupied.
  bool started = false;  // CallStarted is in the spool.
  bool closed = false;   // Ports are closed.
  bool ending = false;
  std::vector<v1::Fact> unsaid;  // Of the end: what the spool did not take yet.
  uint64_t journaled = 0;
};

}  // namespace turret::node
