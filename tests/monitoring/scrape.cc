#include "tests/monitoring/scrape.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/support/support.h"

namespace turret::test {

HttpAnswer HttpGet(uint16_t port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  HttpAnswer answer;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) {
    const std::string request = "GET " + path + " HTTP/1.0\r\nHost: localhost\r\n\r\n";
    if (write(fd, request.data(), request.size()) == static_cast<ssize_t>(request.size())) {
      std::string text;
      char chunk[4096];
      for (ssize_t got = 0; (got = read(fd, chunk, sizeof chunk)) > 0;)
        text.append(chunk, static_cast<size_t>(got));
      if (text.size() > 12) answer.status = std::atoi(text.c_str() + 9);
      const size_t end = text.find("\r\n\r\n");
      if (end != std::string::npos) answer.body = text.substr(end + 4);
    }
  }
  close(fd);
  return answer;
}

CommandResult RunWithInput(const std::string& command, const std::string& input) {
  const TemporaryFolder folder;
  std::ofstream(folder / "input") << input;
  const std::string line = "( " + command + " ) < " + folder / "input" + " > " + folder / "output" + " 2>&1";
  const int status = std::system(line.c_str());
  std::ostringstream output;
  output << std::ifstream(folder / "output").rdbuf();
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, output.str()};
}

}  // namespace turret::test
