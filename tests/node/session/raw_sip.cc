#include "tests/node/session/raw_sip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "fmt/format.h"

namespace turret::node::test {

RawSip::RawSip(uint16_t port, bool tcp) : transport_(tcp ? "TCP" : "UDP") {
  fd_ = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(port);
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd_, reinterpret_cast<sockaddr*>(&server), sizeof server) != 0) std::abort();
  sockaddr_in mine{};
  socklen_t bytes = sizeof mine;
  (void)getsockname(fd_, reinterpret_cast<sockaddr*>(&mine), &bytes);
  local_ = fmt::format("127.0.0.1:{}", ntohs(mine.sin_port));
}

RawSip::~RawSip() { close(fd_); }

void RawSip::Send(const std::string& bytes) {
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;
    sent += static_cast<size_t>(n);
  }
}

void RawSip::CloseSending() { (void)shutdown(fd_, SHUT_WR); }

std::string RawSip::Receive(int timeout_ms) {
  while (true) {
    const size_t end = buffer_.find("\r\n\r\n");
    if (end != std::string::npos) {
      const size_t body = static_cast<size_t>(std::atoi(HeaderOf(buffer_, "Content-Length").c_str()));
      if (buffer_.size() >= end + 4 + body) {
        std::string message = buffer_.substr(0, end + 4 + body);
        buffer_.erase(0, message.size());
        return message;
      }
    }
    pollfd waiting{fd_, POLLIN, 0};
    if (poll(&waiting, 1, timeout_ms) <= 0) return {};
    char chunk[65536];
    const ssize_t n = recv(fd_, chunk, sizeof chunk, 0);
    closed_ = n <= 0;
    if (closed_) return {};
    buffer_.append(chunk, static_cast<size_t>(n));
  }
}

std::string RawSip::ReceiveFinal(int timeout_ms) {
  while (true) {
    std::string answer = Receive(timeout_ms);
    if (answer.empty() || StatusOf(answer) >= 200) return answer;
  }
}

int StatusOf(const std::string& answer) {
  return answer.starts_with("SIP/2.0 ") ? std::atoi(answer.c_str() + 8) : 0;
}

std::string HeaderOf(const std::string& message, const std::string& name) {
  size_t at = message.find("\r\n" + name + ":");
  if (at == std::string::npos) return {};
  at = message.find_first_not_of(' ', at + 3 + name.size());
  return message.substr(at, message.find("\r\n", at) - at);
}

std::string BodyOf(const std::string& message) { return message.substr(message.find("\r\n\r\n") + 4); }

std::string MakeRequest(const RawSip& client, const RequestSpec& spec) {
  std::string branch =
      spec.branch.empty() ? fmt::format("{}-{}-{}", spec.method, spec.call_id, spec.cseq) : spec.branch;
  std::replace_if(
      branch.begin(), branch.end(), [](char c) { return c == '@' || c == '<' || c == '"'; }, '.');
  std::string out = fmt::format(
      "{0} sip:srs@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{1} {2};branch=z9hG4bK{3};rport\r\nMax-Forwards: 70\r\n"
      "From: <sip:src@127.0.0.1>;tag={4}\r\nTo: <sip:srs@127.0.0.1>{5}\r\nCall-ID: {6}\r\nCSeq: {7} {0}\r\n"
      "Contact: {8}\r\n",
      spec.method, client.transport(), client.local(), branch, spec.from_tag,
      spec.to_tag.empty() ? "" : ";tag=" + spec.to_tag, spec.call_id, spec.cseq,
      spec.contact.empty() ? fmt::format("<sip:src@{}>;+sip.src", client.local()) : spec.contact);
  for (const std::string& header : spec.headers) out += header + "\r\n";
  if (!spec.content_type.empty()) out += fmt::format("Content-Type: {}\r\n", spec.content_type);
  return out + fmt::format("Content-Length: {}\r\n\r\n{}", spec.body.size(), spec.body);
}

RequestSpec MakeInvite(const std::string& call_id, const std::string& sdp, const std::string& metadata) {
  RequestSpec spec;
  spec.call_id = call_id;
  spec.headers = {"Require: siprec"};
  spec.content_type = "multipart/mixed;boundary=\"b1\"";
  spec.body = fmt::format(
      "--b1\r\nContent-Type: application/sdp\r\n\r\n{}\r\n--b1\r\nContent-Type: "
      "application/rs-metadata+xml\r\n"
      "Content-Disposition: recording-session\r\n\r\n{}\r\n--b1--\r\n",
      sdp, metadata);
  return spec;
}

RequestSpec Next(const RequestSpec& invite, const std::string& answer, const std::string& method, int cseq) {
  RequestSpec spec;
  spec.method = method;
  spec.call_id = invite.call_id;
  spec.from_tag = invite.from_tag;
  const std::string to = HeaderOf(answer, "To");
  if (const size_t tag = to.find("tag="); tag != std::string::npos) spec.to_tag = to.substr(tag + 4);
  spec.cseq = cseq;
  return spec;
}

}  // namespace turret::node::test
