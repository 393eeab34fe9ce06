#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "kube/api/config.hpp"
#include "kube/transport/tls_material.hpp"

namespace vbrain::kube {

// The authorities, certificate and key of a Config. They are rotated while we run: the kubelet replaces ca.crt, a tool
// replaces the files of a kubeconfig. The files are compared every ten seconds by inode, size and time, and read again
// when they differ. Thread-safe; blocks on local files only.
class TlsSource {
 public:
  using Material = std::shared_ptr<TlsMaterial>;

  // `clock` must outlive the TlsSource. Fails with a sentence when something cannot be read.
  static Result<std::unique_ptr<TlsSource>, std::string> load(const Config& config, const base::Clock& clock);

  // What new connections use. Files that cannot be read, or a key that does not belong to its certificate (half of a
  // rotation), are logged once; what was read before stays in use.
  Material current();
  // Called after a handshake that failed, or a 401: compares the files now. True if there is another material than
  // `used`, so that trying again is of use.
  bool refresh(const Material& used);

 private:
  // Device, inode, size and modification time in ns; all 0 for a file that is not there.
  using Stamp = std::tuple<std::uint64_t, std::uint64_t, std::int64_t, std::int64_t>;

  TlsSource(const Config& config, const base::Clock& clock, std::vector<Stamp> stamps, Material material);
  static std::vector<Stamp> stamps_of(const Config& config);
  void look();

  const Config config_;
  const base::Clock& clock_;
  std::mutex mutex_;
  std::vector<Stamp> stamps_;
  std::vector<Stamp> unusable_;  // of the files that could not be used last
  Material material_;
  base::SteadyPoint looked_at_;
};

}  // namespace vbrain::kube
