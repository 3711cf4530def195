// A SIP client of bare sockets: sends what it is given, byte for byte, and shows what comes back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace turret::node::test {

class RawSip {
 public:
  /// Connects to 127.0.0.1:`port`; aborts the test program when that fails.
  RawSip(uint16_t port, bool tcp);
  ~RawSip();
  RawSip(const RawSip&) = delete;
  RawSip& operator=(const RawSip&) = delete;

  void Send(const std::string& bytes);
  /// TCP: no more will be sent; answers can still come.
  void CloseSending();
  /// The next whole message; empty when none came within `timeout_ms` or the connection was closed.
  std::string Receive(int timeout_ms = 5000);
  /// The next one that is not a 1xx.
  std::string ReceiveFinal(int timeout_ms = 5000);
  bool closed() const { return closed_; }  // By the server, as Receive found.
  const std::string& transport() const { return transport_; }
  const std::string& local() const { return local_; }

 private:
  int fd_ = -1;
  bool closed_ = false;
  std::string transport_;
  std::string local_;
  std::string buffer_;
};

/// "200" of "SIP/2.0 200 OK…"; 0 when it is no answer.
int StatusOf(const std::string& answer);
std::string HeaderOf(const std::string& message, const std::string& name);
std::string BodyOf(const std::string& message);

struct RequestSpec {
  std::string method = "INVITE";
  std::string call_id = "call-1@test";
  std::string from_tag = "src1";
  std::string to_tag;
  int cseq = 1;
  std::string branch;   // Empty: made of method, call and CSeq.
  std::string contact;  // Header value; empty: a good one.
  std::vector<std::string> headers;
  std::string content_type;
  std::string body;
};
std::string MakeRequest(const RawSip& client, const RequestSpec& spec);

/// An INVITE with an offer and metadata in a multipart body.
RequestSpec MakeInvite(const std::string& call_id, const std::string& sdp, const std::string& metadata);
/// The same dialog's next request.
RequestSpec Next(const RequestSpec& invite, const std::string& answer, const std::string& method, int cseq);

}  // namespace turret::node::test
