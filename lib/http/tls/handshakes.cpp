#include "http/tls/handshakes.hpp"

#include <prometheus/counter.h>

#include <array>
#include <utility>

#include "base/log/log.hpp"
#include "base/metrics.hpp"

namespace vbrain::http {
namespace {

constexpr std::chrono::seconds kLogPause{10};

constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kRemedies{{
    {"unknown ca", "the client does not trust the issuer of the certificate; give it the issuer's certificate"},
    {"bad certificate", "the client does not accept the certificate; look at its names and its issuer"},
    {"certificate expired",
     "the client takes the certificate for expired; look at its dates and at the client's clock"},
    {"certificate unknown", "the client does not accept the certificate; look at its names and its issuer"},
    {"unsupported protocol", "the client speaks no TLS 1.2 or newer; update it"},
    {"no shared cipher", "the client offers no cipher that is still safe; update it"},
    {"no application protocol", "the client asks by ALPN for something else than http/1.1"},
    {"wrong version number", "the client speaks something else than TLS"},
}};

prometheus::Counter& counter(base::Metrics& metrics, const std::string& listener, const std::string& result) {
  return metrics.counter("vbrain_http_tls_handshakes_total",
                         "TLS handshakes that have ended, by result. plain_http: the client spoke HTTP without TLS.",
                         {{"listener", listener}, {"result", result}});
}

}  // namespace

std::optional<std::uint64_t> SparseMessages::note(std::chrono::steady_clock::time_point now) {
  ++count_;
  if (last_ && now - *last_ < pause_) return std::nullopt;
  last_ = now;
  return std::exchange(count_, 0);
}

std::string_view remedy_of(std::string_view reason) {
  for (const auto& [part, remedy] : kRemedies) {
    if (reason.find(part) != std::string_view::npos) return remedy;
  }
  return "";
}

Handshakes::Handshakes(base::Metrics& metrics, const std::string& listener)
    : ok_(counter(metrics, listener, "ok")),
      plain_http_(counter(metrics, listener, "plain_http")),
      failed_(counter(metrics, listener, "failed")),
      messages_(kLogPause) {}

void Handshakes::succeeded() {
  ok_.Increment();
}

void Handshakes::was_plain_http() {
  plain_http_.Increment();
}

void Handshakes::failed(std::string_view reason, std::string_view peer) {
  failed_.Increment();
  std::optional<std::uint64_t> count;
  {
    const std::lock_guard lock(mutex_);
    count = messages_.note(std::chrono::steady_clock::now());
  }
  if (!count) return;
  base::log_warning("TLS handshakes failed; of several the last one is shown",
                    {{"failures", *count}, {"error", reason}, {"remedy", remedy_of(reason)}, {"peer", peer}});
}

}  // namespace vbrain::http
