#include "http/tls/certificate_keeper.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <stdexcept>
#include <utility>

#include "base/files/text_file.hpp"
#include "base/log/log.hpp"
#include "base/metrics.hpp"
#include "base/text/digest.hpp"

namespace vbrain::http {
namespace {

using Failure = Unexpected<std::string>;

// The files may be replaced between the reads of the one and the other.
constexpr int kReads = 3;
constexpr std::chrono::hours kTellAgain{24};
constexpr std::string_view kRemedy =
    "put a valid certificate and its key, both as PEM, into the files (the Secret of the chart value apiServer.tls)";

double seconds_of(base::TimePoint time) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
}

prometheus::Counter& reloads(base::Metrics& metrics, const std::string& result) {
  return metrics.counter("vbrain_tls_certificate_reloads_total", "New contents of the certificate files, by result.",
                         {{"result", result}});
}

}  // namespace

CertificateKeeper::CertificateKeeper(TlsFiles files, const base::Clock& clock, base::Metrics& metrics)
    : files_(std::move(files)),
      clock_(clock),
      begins_(metrics.gauge("vbrain_tls_certificate_begin_timestamp_seconds",
                            "Since when the TLS certificate in use is valid.")),
      ends_(
          metrics.gauge("vbrain_tls_certificate_expiry_timestamp_seconds", "When the TLS certificate in use expires.")),
      failing_(metrics.gauge("vbrain_tls_certificate_reload_failing",
                             "1 while the certificate files hold no usable pair and an earlier one is in use.")),
      replaced_(reloads(metrics, "ok")),
      failed_(reloads(metrics, "failed")) {
  auto pair = read();
  if (!pair) throw std::runtime_error("TLS cannot be used: " + pair.error() + "; " + std::string(kRemedy));
  auto context = load(*pair);
  if (!context) {
    throw std::runtime_error("TLS cannot be used: " + context.error() + " (" + files_.certificate + ", " + files_.key +
                             "); " + std::string(kRemedy));
  }
  use(std::move(*context), std::move(pair->digest));
  tell_expiry();
}

std::shared_ptr<const TlsContext> CertificateKeeper::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

Result<CertificateKeeper::Pair, std::string> CertificateKeeper::read() const {
  Pair pair;
  for (int i = 0; i < kReads; ++i) {
    auto certificate = base::read_text_file(files_.certificate);
    if (!certificate) return Failure(std::move(certificate.error()));
    auto key = base::read_text_file(files_.key);
    if (!key) return Failure(std::move(key.error()));
    const auto again = base::read_text_file(files_.certificate);
    if (!again || *again != *certificate) continue;
    pair.digest = base::sha256_hex(*certificate + '\0' + *key);
    pair.certificate = std::move(*certificate);
    pair.key = std::move(*key);
    return pair;
  }
  return Failure(files_.certificate + " changes all the time");
}

Result<std::shared_ptr<const TlsContext>, std::string> CertificateKeeper::load(const Pair& pair) const {
  auto context = TlsContext::make(pair.certificate, pair.key);
  if (!context) return context;
  std::string problem = why_unusable((*context)->facts(), clock_.now());
  if (!problem.empty()) return Failure(std::move(problem));
  return context;
}

void CertificateKeeper::use(std::shared_ptr<const TlsContext> context, std::string digest) {
  const CertificateFacts& facts = context->facts();
  base::log_info("the TLS certificate for new connections",
                 {{"names", facts.names}, {"expires", base::format_rfc3339_seconds(facts.ends)}});
  begins_.Set(seconds_of(facts.begins));
  ends_.Set(seconds_of(facts.ends));
  digest_ = std::move(digest);
  told_at_.reset();
  const std::lock_guard lock(mutex_);
  current_ = std::move(context);
}

void CertificateKeeper::look() {
  auto pair = read();
  std::string problem;
  if (!pair) {
    problem = std::move(pair.error());
  } else if (pair->digest != digest_) {
    auto context = load(*pair);
    if (context) {
      use(std::move(*context), std::move(pair->digest));
      replaced_.Increment();
    } else {
      problem = std::move(context.error());
    }
  }
  tell(problem);
  tell_expiry();
}

// Each problem once.
void CertificateKeeper::tell(const std::string& problem) {
  failing_.Set(problem.empty() ? 0 : 1);
  if (problem == problem_) return;
  problem_ = problem;
  if (problem.empty()) return;
  failed_.Increment();
  base::log_error("the new TLS certificate cannot be used; the one read before stays in use",
                  {{"error", problem}, {"certificate", files_.certificate}, {"key", files_.key}, {"remedy", kRemedy}});
}

void CertificateKeeper::tell_expiry() {
  const CertificateFacts& facts = current()->facts();
  const base::TimePoint now = clock_.now();
  if (!expires_soon(facts, now) || (told_at_ && now - *told_at_ < kTellAgain)) return;
  told_at_ = now;
  base::log_warning(
      now < facts.ends ? "the TLS certificate expires soon" : "the TLS certificate has expired: clients refuse it",
      {{"expires", base::format_rfc3339_seconds(facts.ends)},
       {"names", facts.names},
       {"certificate", files_.certificate},
       {"remedy", kRemedy}});
}

}  // namespace vbrain::http
