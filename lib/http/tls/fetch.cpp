#include "http/tls/fetch.hpp"

#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/files/fd.hpp"
#include "base/tls/pem.hpp"

namespace vbrain::http {
namespace {

using Failure = Unexpected<std::string>;
using Addresses = std::unique_ptr<addrinfo, base::FreeWith<&freeaddrinfo>>;

constexpr std::size_t kMostBytes = 1 << 20;

Failure failure(const std::string& what) {
  const std::string reason = base::take_openssl_error();
  return Failure(reason.empty() ? what : what + ": " + reason);
}

Result<base::Fd, std::string> connect_to(const std::string& address, std::chrono::seconds patience) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) return Failure("'" + address + "' is not host:port");
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo* found = nullptr;
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  const int unresolved = ::getaddrinfo(host.c_str(), address.substr(colon + 1).c_str(), &wanted, &found);
  if (unresolved != 0) return Failure(::gai_strerror(unresolved));
  const Addresses addresses(found);
  const timeval limit{.tv_sec = patience.count(), .tv_usec = 0};
  int error = 0;
  for (const addrinfo* it = found; it != nullptr; it = it->ai_next) {
    base::Fd socket(::socket(it->ai_family, it->ai_socktype | SOCK_CLOEXEC, it->ai_protocol));
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (::connect(socket.get(), it->ai_addr, it->ai_addrlen) == 0) return socket;
    error = errno;
  }
  return Failure(std::strerror(error));
}

}  // namespace

Result<std::string, std::string> fetch_by_tls(const std::string& address, const std::string& request,
                                              std::chrono::seconds patience) {
  auto socket = connect_to(address, patience);
  if (!socket) return Failure(std::move(socket.error()));
  ERR_clear_error();
  const std::unique_ptr<SSL_CTX, base::FreeWith<&SSL_CTX_free>> context(SSL_CTX_new(TLS_client_method()));
  const std::unique_ptr<SSL, base::FreeWith<&SSL_free>> tls(context == nullptr ? nullptr : SSL_new(context.get()));
  if (tls == nullptr || SSL_set_fd(tls.get(), socket->get()) != 1) return failure("no memory for TLS");
  if (SSL_connect(tls.get()) != 1) return failure("the TLS handshake failed");
  if (SSL_write(tls.get(), request.data(), static_cast<int>(request.size())) <= 0)
    return failure("no request was sent");
  std::string answer;
  std::array<char, 4096> buffer{};
  while (answer.size() < kMostBytes) {
    const int got = SSL_read(tls.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    answer.append(buffer.data(), static_cast<std::size_t>(got));
  }
  if (answer.empty()) return failure("no answer");
  ERR_clear_error();
  return answer;
}

}  // namespace vbrain::http
