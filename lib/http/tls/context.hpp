#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "http/tls/certificate_facts.hpp"
#include "http/tls/session.hpp"

namespace vbrain::http {

// A certificate with its key, and the rules of the handshakes made with it: at least TLS 1.2, forward secrecy, ALPN
// http/1.1, no renegotiation, no compression, no resumption (docs/decisions/0039). Constant; thread-safe.
class TlsContext {
 public:
  // `certificate`: PEM, that of the server first, then those of its issuers. Fails with a sentence that names cause and
  // remedy. It does not look at the time.
  static Result<std::shared_ptr<const TlsContext>, std::string> make(const std::string& certificate,
                                                                     const std::string& key);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;

  // TLS for a new connection. It may outlive the TlsContext. Throws std::bad_alloc.
  std::unique_ptr<TlsSession> new_session() const;
  const CertificateFacts& facts() const { return facts_; }

 private:
  TlsContext(ssl_ctx_st* context, CertificateFacts facts) : context_(context), facts_(std::move(facts)) {}

  ssl_ctx_st* const context_;
  const CertificateFacts facts_;
};

}  // namespace vbrain::http
