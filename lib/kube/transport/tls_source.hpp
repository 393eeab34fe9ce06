#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "base/result.hpp"
#include "base/time/clock.hpp"
#include "kube/api/config.hpp"
#include "kube/transport/tls_material.hpp"

namespace vbrain::kube {

// The CA, certificate and key of a Config. They are rotated while the program runs: the kubelet replaces ca.crt, a tool
// replaces the files of a kubeconfig. Every ten seconds the files are compared by inode, size and time, and read again
// if they differ. Thread-safe; blocks on local files only.
class TlsSource {
 public:
  using Material = std::shared_ptr<TlsMaterial>;

  // `clock` must outlive the TlsSource. Fails with a sentence if a file can't be read.
  static Result<std::unique_ptr<TlsSource>, std::string> load(const Config& config, const base::Clock& clock);

  // The material for new connections. Unreadable files, and a key that does not match its certificate (half of a
  // rotation), are logged once; then the previous material stays in use.
  Material current();
  // Call it after a failed handshake or a 401: it compares the files at once. True if there is other material than
  // `used`, so that a retry makes sense.
  bool refresh(const Material& used);

 private:
  // Device, inode, size and modification time in ns; all 0 for a missing file.
  using Stamp = std::tuple<std::uint64_t, std::uint64_t, std::int64_t, std::int64_t>;

  TlsSource(const Config& config, const base::Clock& clock, std::vector<Stamp> stamps, Material material);
  static std::vector<Stamp> stamps_of(const Config& config);
  void look();

  const Config config_;
  const base::Clock& clock_;
  std::mutex mutex_;
  std::vector<Stamp> stamps_;
  std::vector<Stamp> unusable_;  // of the files that were last found unusable
  Material material_;
  base::SteadyPoint looked_at_;
};

}  // namespace vbrain::kube
