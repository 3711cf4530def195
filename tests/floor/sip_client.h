// A SIPREC Session Recording Client (RFC 7866) over UDP or TCP, written on plain sockets: any number of
// dialogs on one socket, driven by Poll(). Not thread-safe.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace turret::floor {

struct Participant {
  std::string aor;
  std::string name;
};

/// A media line of the recording session: one participant's voice.
struct MediaLine {
  std::string label;
  size_t participant = 0;  // Index into CallSpec::participants.
  bool a_law = true;
  std::string direction = "sendonly";
  std::string connection;  // c= of the line; empty: the session's.
  std::string rtpmap;      // "98 EXOTIC/8000" to offer an odd codec; empty: G.711.
  int ptime_ms = 20;
};

struct CallSpec {
  std::vector<Participant> participants;
  std::vector<MediaLine> media;
  std::string device = "Simulated-Turret/1.0";
  std::string metadata;  // Verbatim instead of the one made here.
  bool without_metadata = false;
  std::string metadata_content_type = "application/rs-metadata+xml";
  std::string contact;  // Verbatim Contact header value; empty: a good one.
  uint64_t seed = 0;    // Of ids in the metadata.
};

struct Dialog {
  enum class State { kInviting, kConfirmed, kEnding, kEnded, kFailed };
  CallSpec spec;
  State state = State::kInviting;
  std::string call_id;
  std::string from_tag;
  std::string to_tag;
  int cseq = 1;
  int final_status = 0;
  std::vector<uint16_t> ports;  // Remote RTP port of each media line, from the answer.
  std::string answer_sdp;
  int64_t answered_utc_ns = 0;
  int64_t ended_utc_ns = 0;
  std::string pending;  // Request that awaits its final answer, for retransmission over UDP.
  absl::Time sent_at;
  absl::Duration retransmit;
  int sends = 0;
};

class SipClient {
 public:
  /// `server` is "127.0.0.1:5060"; `tcp` selects the transport.
  static absl::StatusOr<std::unique_ptr<SipClient>> Connect(const std::string& server, bool tcp);
  ~SipClient();
  SipClient(const SipClient&) = delete;
  SipClient& operator=(const SipClient&) = delete;

  /// Sends an INVITE; returns the dialog's index.
  size_t Invite(const CallSpec& spec);
  /// In-dialog re-INVITE with every media line in `direction` ("inactive", "sendonly").
  void Reinvite(size_t dialog, const std::string& direction);
  /// In-dialog UPDATE without a body: a session refresh.
  void Update(size_t dialog);
  void Bye(size_t dialog);
  /// After the server closed the connection, or died: connects again and repeats what has no answer yet. On
  /// UDP there is nothing to do. Errors: Unavailable.
  [[nodiscard]] absl::Status Reconnect();
  /// Sends bytes as they are: for the tests of bad input.
  void SendRaw(const std::string& bytes);
  /// Handles what arrives within `timeout`, and retransmissions that are due.
  void Poll(absl::Duration timeout);
  /// Polls until `done` or the timeout; false at the timeout.
  bool PollUntil(const std::function<bool()>& done, absl::Duration timeout);

  Dialog& dialog(size_t index) { return *dialogs_[index]; }
  size_t size() const { return dialogs_.size(); }
  /// Status lines of answers that belong to no dialog of ours.
  const std::vector<std::string>& stray_answers() const { return stray_answers_; }
  bool connected() const { return fd_ >= 0; }

 private:
  SipClient() = default;
  [[nodiscard]] absl::Status Open();
  void Send(const std::string& message);
  void Handle(const std::string& message);
  void HandleRequest(const std::string& message);
  void HandleAnswer(Dialog& dialog, int status, const std::string& method, const std::string& message);
  std::string Request(const Dialog& dialog, const std::string& method, const std::string& content_type,
                      const std::string& body) const;
  std::string MakeSdp(const CallSpec& spec, const std::string& direction) const;
  void Retransmit();

  int fd_ = -1;
  bool tcp_ = false;
  std::string local_;
  std::string server_;
  std::string stream_buffer_;
  uint64_t counter_ = 0;
  std::vector<std::unique_ptr<Dialog>> dialogs_;
  std::map<std::string, size_t> by_call_id_;
  std::vector<std::string> stray_answers_;
};

/// rs-metadata (RFC 7865) of a call, complete.
std::string MakeMetadata(const CallSpec& spec);

}  // namespace turret::floor
