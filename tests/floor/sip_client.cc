#include "tests/floor/sip_client.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "absl/time/clock.h"
#include "fmt/format.h"

namespace turret::floor {
namespace {

constexpr char kBoundary[] = "turret-floor-boundary";

// First value of a header (long name), or "".
std::string Header(const std::string& message, const std::string& name) {
  size_t line = 0;
  while ((line = message.find("\r\n", line)) != std::string::npos) {
    line += 2;
    if (message.compare(line, 2, "\r\n") == 0) return "";
    const size_t colon = message.find(':', line);
    if (colon == std::string::npos) return "";
    if (strncasecmp(message.c_str() + line, name.c_str(), name.size()) == 0 && colon - line == name.size()) {
      const size_t begin = message.find_first_not_of(" \t", colon + 1);
      return message.substr(begin, message.find("\r\n", begin) - begin);
    }
  }
  return "";
}

std::string TagOf(const std::string& header) {
  const size_t tag = header.find(";tag=");
  return tag == std::string::npos ? "" : header.substr(tag + 5, header.find(';', tag + 5) - tag - 5);
}

// Length of the first whole message in a TCP stream; 0: not whole yet.
size_t WholeMessage(const std::string& buffer) {
  const size_t end = buffer.find("\r\n\r\n");
  if (end == std::string::npos) return 0;
  std::string length = Header(buffer.substr(0, end + 4), "Content-Length");
  if (length.empty()) length = Header(buffer.substr(0, end + 4), "l");
  const size_t total = end + 4 + static_cast<size_t>(std::atoi(length.c_str()));
  return buffer.size() >= total ? total : 0;
}

std::vector<uint16_t> PortsOf(const std::string& sdp) {
  std::vector<uint16_t> ports;
  for (size_t at = 0; (at = sdp.find("m=", at)) != std::string::npos; ++at) {
    const size_t space = sdp.find(' ', at);
    ports.push_back(static_cast<uint16_t>(std::atoi(sdp.c_str() + space + 1)));
  }
  return ports;
}

int64_t NowNs() { return absl::ToUnixNanos(absl::Now()); }

}  // namespace

absl::StatusOr<std::unique_ptr<SipClient>> SipClient::Connect(const std::string& server, bool tcp) {
  auto client = std::unique_ptr<SipClient>(new SipClient);
  client->tcp_ = tcp;
  client->server_ = server;
  if (absl::Status opened = client->Open(); !opened.ok()) return opened;
  return client;
}

absl::Status SipClient::Open() {
  const size_t colon = server_.rfind(':');
  sockaddr_in remote{};
  remote.sin_family = AF_INET;
  remote.sin_port = htons(static_cast<uint16_t>(std::atoi(server_.c_str() + colon + 1)));
  if (inet_pton(AF_INET, server_.substr(0, colon).c_str(), &remote.sin_addr) != 1)
    return absl::InvalidArgumentError("SIP server: want address:port, got " + server_);
  fd_ = socket(AF_INET, (tcp_ ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
  if (connect(fd_, reinterpret_cast<sockaddr*>(&remote), sizeof remote) != 0)
    return absl::UnavailableError(fmt::format("no SIP server at {}: {}", server_, std::strerror(errno)));
  const int buffer = 4 << 20;
  setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  sockaddr_in local{};
  socklen_t length = sizeof local;
  getsockname(fd_, reinterpret_cast<sockaddr*>(&local), &length);
  local_ = fmt::format("127.0.0.1:{}", ntohs(local.sin_port));
  return absl::OkStatus();
}

absl::Status SipClient::Reconnect() {
  if (!tcp_) return absl::OkStatus();
  if (fd_ >= 0) close(fd_);
  stream_buffer_.clear();
  if (absl::Status opened = Open(); !opened.ok()) return opened;
  for (const auto& dialog : dialogs_)
    if (!dialog->pending.empty()) Send(dialog->pending);
  return absl::OkStatus();
}

SipClient::~SipClient() {
  if (fd_ >= 0) close(fd_);
}

std::string SipClient::MakeSdp(const CallSpec& spec, const std::string& direction) const {
  std::string sdp = "v=0\r\no=turret 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n";
  for (const MediaLine& media : spec.media) {
    const std::string payload = !media.rtpmap.empty() ? media.rtpmap.substr(0, media.rtpmap.find(' '))
                                : media.a_law         ? "8"
                                                      : "0";
    sdp += fmt::format("m=audio {} RTP/AVP {}\r\n", 40000, payload);
    if (!media.connection.empty()) sdp += fmt::format("c=IN IP4 {}\r\n", media.connection);
    if (!media.rtpmap.empty())
      sdp += fmt::format("a=rtpmap:{}\r\n", media.rtpmap);
    else
      sdp += media.a_law ? "a=rtpmap:8 PCMA/8000\r\n" : "a=rtpmap:0 PCMU/8000\r\n";
    sdp += fmt::format("a=ptime:{}\r\na=label:{}\r\na={}\r\n", media.ptime_ms, media.label,
                       direction.empty() ? media.direction : direction);
  }
  return sdp;
}

std::string SipClient::Request(const Dialog& dialog, const std::string& method,
                               const std::string& content_type, const std::string& body) const {
  const char* const transport = tcp_ ? "TCP" : "UDP";
  std::string request =
      fmt::format("{} sip:srs@{};transport={} SIP/2.0\r\n", method, server_, tcp_ ? "tcp" : "udp");
  request += fmt::format("Via: SIP/2.0/{} {};branch=z9hG4bK-{}-{}-{};rport\r\n", transport, local_,
                         dialog.call_id.substr(0, 12), dialog.cseq,
                         method == "ACK" && dialog.final_status < 300 ? "ack" : "req");
  request += fmt::format("Max-Forwards: 70\r\nFrom: <sip:src@{}>;tag={}\r\n", local_, dialog.from_tag);
  request +=
      fmt::format("To: <sip:srs@{}>{}\r\n", server_, dialog.to_tag.empty() ? "" : ";tag=" + dialog.to_tag);
  request += fmt::format("Call-ID: {}\r\nCSeq: {} {}\r\n", dialog.call_id, dialog.cseq, method);
  const std::string& contact = dialog.spec.contact;
  request += fmt::format("Contact: {}\r\n",
                         contact.empty()
                             ? fmt::format("<sip:src@{};transport={}>;+sip.src", local_, tcp_ ? "tcp" : "udp")
                             : contact);
  if (method == "INVITE")
    request += "Require: siprec\r\nAllow: INVITE, ACK, BYE, CANCEL, UPDATE, OPTIONS\r\n";
  request += fmt::format("User-Agent: {}\r\n", dialog.spec.device);
  if (!body.empty()) request += fmt::format("Content-Type: {}\r\n", content_type);
  return request + fmt::format("Content-Length: {}\r\n\r\n", body.size()) + body;
}

size_t SipClient::Invite(const CallSpec& spec) {
  auto dialog = std::make_unique<Dialog>();
  dialog->spec = spec;
  dialog->call_id = fmt::format("{:08x}{:06d}@floor.example", (spec.seed * 2654435761U) & 0xffffffffU,
                                ++counter_ + static_cast<uint64_t>(getpid()) * 1000);
  dialog->from_tag = fmt::format("f{}", counter_);
  const std::string sdp = MakeSdp(spec, "");
  std::string body = sdp;
  std::string content_type = "application/sdp";
  if (!spec.without_metadata) {
    const std::string metadata = spec.metadata.empty() ? MakeMetadata(spec) : spec.metadata;
    content_type = fmt::format("multipart/mixed;boundary={}", kBoundary);
    body = fmt::format(
        "--{0}\r\nContent-Type: application/sdp\r\n\r\n{1}\r\n--{0}\r\nContent-Type: "
        "{2}\r\nContent-Disposition: recording-session\r\n\r\n{3}\r\n--{0}--\r\n",
        kBoundary, sdp, spec.metadata_content_type, metadata);
  }
  dialog->pending = Request(*dialog, "INVITE", content_type, body);
  dialog->sent_at = absl::Now();
  dialog->retransmit = absl::Milliseconds(500);
  by_call_id_[dialog->call_id] = dialogs_.size();
  Send(dialog->pending);
  dialogs_.push_back(std::move(dialog));
  return dialogs_.size() - 1;
}

void SipClient::Reinvite(size_t index, const std::string& direction) {
  Dialog& dialog = *dialogs_[index];
  ++dialog.cseq;
  dialog.final_status = 0;
  dialog.pending = Request(dialog, "INVITE", "application/sdp", MakeSdp(dialog.spec, direction));
  dialog.sent_at = absl::Now();
  dialog.retransmit = absl::Milliseconds(500);
  Send(dialog.pending);
}

void SipClient::Update(size_t index) {
  Dialog& dialog = *dialogs_[index];
  ++dialog.cseq;
  dialog.final_status = 0;
  dialog.pending = Request(dialog, "UPDATE", "", "");
  dialog.sent_at = absl::Now();
  dialog.retransmit = absl::Milliseconds(500);
  Send(dialog.pending);
}

void SipClient::Bye(size_t index) {
  Dialog& dialog = *dialogs_[index];
  if (dialog.state != Dialog::State::kConfirmed) return;
  ++dialog.cseq;
  dialog.state = Dialog::State::kEnding;
  dialog.ended_utc_ns = NowNs();
  dialog.pending = Request(dialog, "BYE", "", "");
  dialog.sent_at = absl::Now();
  dialog.retransmit = absl::Milliseconds(500);
  Send(dialog.pending);
}

void SipClient::SendRaw(const std::string& bytes) { Send(bytes); }

void SipClient::Send(const std::string& message) {
  for (size_t sent = 0; sent < message.size() && fd_ >= 0;) {
    const ssize_t n = send(fd_, message.data() + sent, message.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) break;
    sent += static_cast<size_t>(n);
  }
}

void SipClient::Poll(absl::Duration timeout) {
  pollfd waiting{fd_, POLLIN, 0};
  if (fd_ >= 0 && poll(&waiting, 1, static_cast<int>(absl::ToInt64Milliseconds(timeout))) > 0) {
    std::string chunk(65536, '\0');
    for (ssize_t n; (n = recv(fd_, chunk.data(), chunk.size(), MSG_DONTWAIT)) >= 0;) {
      if (n == 0 && tcp_) {
        close(fd_);
        fd_ = -1;
        break;
      }
      if (!tcp_) {
        Handle(chunk.substr(0, static_cast<size_t>(n)));
        continue;
      }
      stream_buffer_.append(chunk.data(), static_cast<size_t>(n));
      while (const size_t length = WholeMessage(stream_buffer_)) {
        Handle(stream_buffer_.substr(0, length));
        stream_buffer_.erase(0, length);
      }
    }
  }
  if (!tcp_) Retransmit();
}

bool SipClient::PollUntil(const std::function<bool()>& done, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!done()) {
    if (absl::Now() > deadline) return false;
    Poll(absl::Milliseconds(10));
  }
  return true;
}

void SipClient::Retransmit() {
  const absl::Time now = absl::Now();
  for (auto& dialog : dialogs_) {
    if (dialog->pending.empty() || now - dialog->sent_at < dialog->retransmit || dialog->sends > 7) continue;
    dialog->sent_at = now;
    dialog->retransmit = std::min(dialog->retransmit * 2, absl::Seconds(4));
    ++dialog->sends;
    Send(dialog->pending);
  }
}

void SipClient::Handle(const std::string& message) {
  if (message.compare(0, 8, "SIP/2.0 ") != 0) {
    HandleRequest(message);
    return;
  }
  const int status = std::atoi(message.c_str() + 8);
  const auto known = by_call_id_.find(Header(message, "Call-ID"));
  if (known == by_call_id_.end()) {
    stray_answers_.push_back(message.substr(0, message.find("\r\n")));
    return;
  }
  const std::string cseq = Header(message, "CSeq");
  if (std::atoi(cseq.c_str()) != dialogs_[known->second]->cseq) return;  // Once more, of what is settled.
  HandleAnswer(*dialogs_[known->second], status, cseq.substr(cseq.find(' ') + 1), message);
}

// Whether we still know the dialog is what a recorder asks after a restart. Its BYE goes unanswered.
void SipClient::HandleRequest(const std::string& message) {
  if (!message.starts_with("OPTIONS ") && !message.starts_with("UPDATE ")) return;
  const auto known = by_call_id_.find(Header(message, "Call-ID"));
  const bool running =
      known != by_call_id_.end() && (dialogs_[known->second]->state == Dialog::State::kConfirmed ||
                                     dialogs_[known->second]->state == Dialog::State::kEnding);
  std::string answer = running ? "SIP/2.0 200 OK\r\n" : "SIP/2.0 481 Call Does Not Exist\r\n";
  for (const char* const name : {"Via", "From", "To", "Call-ID", "CSeq"})
    answer += fmt::format("{}: {}\r\n", name, Header(message, name));
  Send(answer + "Content-Length: 0\r\n\r\n");
}

void SipClient::HandleAnswer(Dialog& dialog, int status, const std::string& method,
                             const std::string& message) {
  if (status < 200) {
    dialog.retransmit = absl::Seconds(30);  // RFC 3261 17.1.1.2: provisional, INVITE no longer repeats.
    return;
  }
  dialog.pending.clear();
  dialog.sends = 0;
  dialog.final_status = status;
  if (method == "BYE") {
    dialog.state = Dialog::State::kEnded;
    return;
  }
  if (method != "INVITE") return;
  if (const std::string tag = TagOf(Header(message, "To")); !tag.empty()) dialog.to_tag = tag;
  Send(Request(dialog, "ACK", "", ""));
  if (status >= 300) {
    if (dialog.state == Dialog::State::kInviting) dialog.state = Dialog::State::kFailed;
    return;
  }
  const size_t body = message.find("\r\n\r\n");
  dialog.answer_sdp = message.substr(body + 4);
  if (dialog.state != Dialog::State::kInviting) return;
  dialog.state = Dialog::State::kConfirmed;
  dialog.answered_utc_ns = NowNs();
  dialog.ports = PortsOf(dialog.answer_sdp);
}

}  // namespace turret::floor
