#pragma once

#include <chrono>
#include <filesystem>
#include <mutex>
#include <string>

#include "base/clock.hpp"
#include "kube/api/config.hpp"

namespace vbrain::kube {

// The bearer token of a Config. The kubelet replaces a ServiceAccount's token file at 80 % of the token's life, so the
// file is read again every minute, and at once after a 401. Thread-safe.
class TokenSource {
 public:
  // `clock` must outlive this.
  TokenSource(const Config& config, const base::Clock& clock);

  // "" if the Config has none. A file that cannot be read now keeps the token read before.
  std::string token();

  // Called after a 401 for `used`: reads the file now. True if there is another token, so that trying again is of use.
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
