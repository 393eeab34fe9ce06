#include "controller/health_server.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace vbrain::controller {
namespace {

HealthServer::Answers answers(std::string fault = {}) {
  return {.not_ready = [fault] { return fault; }, .metrics = [] { return std::string("up 1\n"); }};
}

std::string status_of(const std::string& answer) {
  return answer.substr(0, answer.find("\r\n"));
}

TEST(HealthServer, Answers) {
  struct Case {
    const char* request;
    const char* want_status;
  };
  const Case cases[] = {
      {"GET /livez HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK"},
      {"GET /readyz HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK"},
      {"GET /readyz?verbose HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK"},
      {"GET /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK"},
      {"HEAD /livez HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK"},
      {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"},
      {"POST /livez HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"},
      {"GET /livez\r\n\r\n", "HTTP/1.1 400 Bad Request"},
      {"GET /livez SMTP\r\n\r\n", "HTTP/1.1 400 Bad Request"},
      {"\r\n\r\n", "HTTP/1.1 400 Bad Request"},
  };
  for (const Case& c : cases)
    EXPECT_EQ(status_of(HealthServer::answer(c.request, answers())), c.want_status) << c.request;
}

TEST(HealthServer, NotReadySaysWhy) {
  const std::string answer = HealthServer::answer("GET /readyz HTTP/1.1\r\n\r\n", answers("stopping"));
  EXPECT_EQ(status_of(answer), "HTTP/1.1 503 Service Unavailable");
  EXPECT_TRUE(answer.ends_with("\r\n\r\nstopping\n"));
  EXPECT_EQ(status_of(HealthServer::answer("GET /livez HTTP/1.1\r\n\r\n", answers("stopping"))), "HTTP/1.1 200 OK");
}

TEST(HealthServer, HeadHasNoBody) {
  EXPECT_TRUE(HealthServer::answer("HEAD /metrics HTTP/1.1\r\n\r\n", answers()).ends_with("\r\n\r\n"));
}

int connect_to(const std::string& address) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) throw std::runtime_error("connect");
  return fd;
}

std::string read_to_end(int fd) {
  std::string all;
  char block[4096];
  for (ssize_t got = read(fd, block, sizeof block); got > 0; got = read(fd, block, sizeof block)) {
    all.append(block, static_cast<std::size_t>(got));
  }
  close(fd);
  return all;
}

TEST(HealthServer, ServesOverASocketWhileOthersDawdle) {
  const HealthServer server("127.0.0.1:0", answers());
  int silent[5];
  for (int& fd : silent) fd = connect_to(server.address());
  const int fd = connect_to(server.address());
  for (const std::string_view part : {"GET /met", "rics HTTP/1.1\r\nHost: x\r\n", "\r\n"}) {
    ASSERT_EQ(write(fd, part.data(), part.size()), static_cast<ssize_t>(part.size()));
  }
  const std::string answer = read_to_end(fd);
  EXPECT_EQ(status_of(answer), "HTTP/1.1 200 OK");
  EXPECT_TRUE(answer.ends_with("\r\n\r\nup 1\n")) << answer;
  for (const int waiting : silent) close(waiting);
}

TEST(HealthServer, CutsOffARequestWithoutEnd) {
  const HealthServer server("127.0.0.1:0", answers());
  const int fd = connect_to(server.address());
  const std::string endless(64U << 10, 'x');
  // The server may close before all of it is written.
  static_cast<void>(send(fd, endless.data(), endless.size(), MSG_NOSIGNAL));
  EXPECT_EQ(read_to_end(fd), "");
}

TEST(HealthServer, RefusesAnAddressThatIsNone) {
  for (const char* address : {"", "localhost", "127.0.0.1", "127.0.0.1:http", "999.0.0.1:0", "host.invalid:0"}) {
    EXPECT_THROW(HealthServer(address, answers()), std::runtime_error) << address;
  }
}

}  // namespace
}  // namespace vbrain::controller
