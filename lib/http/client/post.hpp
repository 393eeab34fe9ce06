#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "http/client/url.hpp"

struct ssl_ctx_st;  // SSL_CTX of OpenSSL

namespace vbrain::http {

// The authorities that certificates of servers are checked by: those of PEM files, which are read again when they
// change. Thread-safe.
class Authorities {
 public:
  // `more`: a further file, which must hold a certificate and 1 MiB at most; empty: none. `system`: left out if there
  // is no such file.
  explicit Authorities(std::string more = {}, std::string system = "/etc/ssl/certs/ca-certificates.crt");

  // The rules of a handshake: TLS 1.2 or newer, a certificate that one of the authorities has signed. Fails with a
  // sentence if `more` can't be used, or no file has an authority; if that comes later it is logged, each problem
  // once, and the rules before stay in use. Blocks on the files.
  Result<std::shared_ptr<ssl_ctx_st>, std::string> context();

 private:
  Result<std::shared_ptr<ssl_ctx_st>, std::string> read() const;

  const std::string more_;
  const std::string system_;
  std::mutex mutex_;
  std::string stamp_;  // of the files that context_ is of
  std::shared_ptr<ssl_ctx_st> context_;
  std::string problem_;  // of the files now, as logged; "": they can be used
};

struct Post {
  Url url;
  std::vector<std::pair<std::string, std::string>> fields;  // besides Host, Content-Length and Connection
  std::string body;
};

// Why there is no answer.
struct NoAnswer {
  enum class Cause {
    kNotResolved,  // the name has no address
    kRefused,      // one of its addresses may not be called
    kNotConnected,
    kNotTrusted,  // the TLS handshake failed, for example because of the certificate
    kTimeout,
    kBroken,   // the connection ended early, or the answer is no HTTP
    kStopped,  // by the stop token
  };
  Cause cause = Cause::kBroken;
  std::string detail;  // for people
};

// Says whether an address may be called; fails with the reason.
using AddressCheck = std::function<Result<void, std::string>(const IpAddress&)>;

// Whether all of the addresses may be called; kRefused with the reason for the first that may not. Pure.
Result<void, NoAnswer> allow_all(const std::vector<IpAddress>& addresses, const AddressCheck& check);

// Sends one POST (RFC 9110) on a connection of its own, and returns the status of the answer, of which nothing else is
// read than its head, 16 KiB at most. `check` is asked for every address that the host resolves to; if one is refused
// nothing is connected. The connection goes to an address that was checked, whatever the name resolves to later. The
// certificate must be that of the URL's host. Redirects are not followed, and no proxy is asked. Takes `patience` at
// most, and ends soon after `stop`. Blocks; thread-safe.
Result<int, NoAnswer> post(const Post& request, const AddressCheck& check, Authorities& authorities,
                           std::chrono::milliseconds patience, std::stop_token stop = {});

}  // namespace vbrain::http
