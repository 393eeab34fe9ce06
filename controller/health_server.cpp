#include "controller/health_server.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace vbrain::controller {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kMaxConnections = 64;
constexpr std::size_t kMaxRequest = 8U << 10;
constexpr std::chrono::seconds kLifetime{5};

struct Connection {
  artifacts::Fd fd;
  SteadyClock::time_point deadline;
  std::string request;
  std::string reply;  // empty while the request is read
  std::size_t sent = 0;
};

std::string reply_of(std::string_view status, std::string_view type, std::string_view body, bool with_body) {
  std::string reply = "HTTP/1.1 ";
  reply.append(status).append("\r\nContent-Type: ").append(type);
  reply.append("\r\nContent-Length: ").append(std::to_string(body.size()));
  reply.append("\r\nConnection: close\r\n\r\n");
  if (with_body) reply.append(body);
  return reply;
}

struct Endpoint {
  std::string host;
  std::string port;
};

Endpoint split_address(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) throw std::runtime_error("'" + address + "' has no port");
  std::string host = address.substr(0, colon);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return {host, address.substr(colon + 1)};
}

artifacts::Fd listen_on(const std::string& address) {
  const Endpoint endpoint = split_address(address);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed =
      getaddrinfo(endpoint.host.empty() ? nullptr : endpoint.host.c_str(), endpoint.port.c_str(), &hints, &found);
  if (failed != 0) throw std::runtime_error("'" + address + "': " + gai_strerror(failed));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, &freeaddrinfo);
  artifacts::Fd fd(socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (!fd || setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0 || listen(fd.get(), 64) != 0) {
    throw std::runtime_error("can't listen on '" + address + "': " + std::strerror(errno));
  }
  return fd;
}

std::string address_of(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (getsockname(fd, address, &length) != 0 ||
      getnameinfo(address, length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    throw std::runtime_error("can't tell where the listener is");
  }
  const std::string name = storage.ss_family == AF_INET6 ? "[" + std::string(host) + "]" : host;
  return name + ":" + port;
}

// False when the connection is done with.
bool read_more(Connection& connection, const HealthServer::Answers& answers) {
  char buffer[2048];
  const ssize_t count = recv(connection.fd.get(), buffer, sizeof buffer, 0);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  if (count == 0) return false;
  connection.request.append(buffer, static_cast<std::size_t>(count));
  if (connection.request.find("\r\n\r\n") != std::string::npos) {
    connection.reply = HealthServer::answer(connection.request, answers);
    return true;
  }
  return connection.request.size() < kMaxRequest;
}

bool write_more(Connection& connection) {
  const ssize_t count = send(connection.fd.get(), connection.reply.data() + connection.sent,
                             connection.reply.size() - connection.sent, MSG_NOSIGNAL);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  connection.sent += static_cast<std::size_t>(count);
  return connection.sent < connection.reply.size();
}

}  // namespace

HealthServer::HealthServer(const std::string& address, Answers answers)
    : answers_(std::move(answers)),
      listener_(listen_on(address)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      address_(address_of(listener_.get())),
      thread_([this](std::stop_token stop) { serve(stop); }) {}

HealthServer::~HealthServer() {
  thread_.request_stop();
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = write(wake_.get(), &one, sizeof one);
}

std::string HealthServer::answer(const std::string& request, const Answers& answers) {
  constexpr std::string_view kText = "text/plain; charset=utf-8";
  const std::string_view line = std::string_view(request).substr(0, request.find("\r\n"));
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos || !line.substr(second + 1).starts_with("HTTP/1.")) {
    return reply_of("400 Bad Request", kText, "bad request\n", true);
  }
  const std::string_view method = line.substr(0, first);
  const bool with_body = method != "HEAD";
  if (method != "GET" && method != "HEAD") return reply_of("405 Method Not Allowed", kText, "only GET\n", true);
  std::string_view path = line.substr(first + 1, second - first - 1);
  path = path.substr(0, path.find('?'));
  if (path == "/livez") return reply_of("200 OK", kText, "ok\n", with_body);
  if (path == "/readyz") {
    const std::string fault = answers.not_ready();
    return fault.empty() ? reply_of("200 OK", kText, "ok\n", with_body)
                         : reply_of("503 Service Unavailable", kText, fault + "\n", with_body);
  }
  if (path == "/metrics") {
    return reply_of("200 OK", "text/plain; version=0.0.4; charset=utf-8", answers.metrics(), with_body);
  }
  return reply_of("404 Not Found", kText, "not found\n", with_body);
}

void HealthServer::serve(std::stop_token stop) {
  std::vector<Connection> connections;
  while (!stop.stop_requested()) {
    std::vector<pollfd> polled;
    polled.push_back({wake_.get(), POLLIN, 0});
    // With all places taken new ones wait in the kernel's queue.
    polled.push_back({connections.size() < kMaxConnections ? listener_.get() : -1, POLLIN, 0});
    for (const Connection& connection : connections) {
      polled.push_back({connection.fd.get(), static_cast<short>(connection.reply.empty() ? POLLIN : POLLOUT), 0});
    }
    if (poll(polled.data(), polled.size(), connections.empty() ? -1 : 500) < 0 && errno != EINTR) return;
    const auto now = SteadyClock::now();
    std::vector<Connection> kept;
    for (std::size_t i = 0; i < connections.size(); ++i) {
      Connection& connection = connections[i];
      bool goes_on = now < connection.deadline;
      if (goes_on && polled[i + 2].revents != 0) {
        goes_on = connection.reply.empty() ? read_more(connection, answers_) : write_more(connection);
      }
      if (goes_on) kept.push_back(std::move(connection));
    }
    connections = std::move(kept);
    if (polled[1].revents != 0) {
      artifacts::Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd) connections.push_back({std::move(fd), now + kLifetime, {}, {}, 0});
    }
  }
}

}  // namespace vbrain::controller
