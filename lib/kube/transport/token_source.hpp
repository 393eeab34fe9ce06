#pragma once

#include <chrono>
#include <filesystem>
#include <mutex>
#include <string>

#include "base/time/clock.hpp"
#include "kube/api/config.hpp"

namespace vbrain::kube {

// The bearer token of a Config. The kubelet replaces a ServiceAccount's token file after 80 % of the token's lifetime,
// so the file is read again every minute, and at once after a 401. Thread-safe.
class TokenSource {
 public:
  // `clock` must outlive this.
  TokenSource(const Config& config, const base::Clock& clock);

  // "" if the Config has none. If the file can't be read now, the previous token is used.
  std::string token();

  // Call it after a 401 for `used`: it reads the file at once. True if there is another token, so that a retry makes
  // sense.
  bool refresh(const std::string& used);

 private:
  void read_file();

  const std::filesystem::path file_;
  const base::Clock& clock_;
  std::mutex mutex_;
  std::string token_;
  base::SteadyPoint read_at_{};
};

}  // namespace vbrain::kube
