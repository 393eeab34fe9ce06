#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "http/tls/context.hpp"

namespace prometheus {
class Counter;
class Gauge;
}  // namespace prometheus
namespace vbrain::base {
class Metrics;
}

namespace vbrain::http {

// Two PEM files, such as tls.crt and tls.key of a mounted Secret.
struct TlsFiles {
  std::string certificate;
  std::string key;
};

// The certificate and key for new connections. It is read again when its files have another content; a pair that can't
// be used is told, and the one before stays in use. Thread-safe.
class CertificateKeeper {
 public:
  // Reads the files. Throws std::runtime_error, with cause and remedy, if they hold no usable pair. `clock` and
  // `metrics` must outlive this object.
  CertificateKeeper(TlsFiles files, const base::Clock& clock, base::Metrics& metrics);

  // Never blocks for files.
  std::shared_ptr<const TlsContext> current() const;

  // Compares the files with what is in use. Call it every few seconds, from one thread. Blocks on the files.
  void look();

 private:
  // What the files hold, and the SHA-256 of it.
  struct Pair {
    std::string certificate;
    std::string key;
    std::string digest;
  };
  Result<Pair, std::string> read() const;
  Result<std::shared_ptr<const TlsContext>, std::string> load(const Pair& pair) const;
  void use(std::shared_ptr<const TlsContext> context, std::string digest);
  void tell(const std::string& problem);
  void tell_expiry();

  const TlsFiles files_;
  const base::Clock& clock_;
  prometheus::Gauge& begins_;
  prometheus::Gauge& ends_;
  prometheus::Gauge& failing_;
  prometheus::Counter& replaced_;
  prometheus::Counter& failed_;
  std::string digest_;                        // of the pair in use
  std::string problem_;                       // of the files, as told last; "": they hold the pair in use
  std::optional<base::TimePoint> told_at_{};  // that the certificate in use expires soon
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsContext> current_;
};

}  // namespace vbrain::http
