#include "kube/transport/tls_source.hpp"

#include <sys/stat.h>

#include <utility>

#include "base/log/log.hpp"

namespace vbrain::kube {
namespace {

constexpr std::chrono::seconds kLookAgainAfter{10};
constexpr std::int64_t kNanoseconds = 1'000'000'000;

}  // namespace

Result<std::unique_ptr<TlsSource>, std::string> TlsSource::load(const Config& config, const base::Clock& clock) {
  auto stamps = stamps_of(config);
  auto material = TlsMaterial::load(config);
  if (!material) return tl::unexpected(material.error());
  return std::unique_ptr<TlsSource>(new TlsSource(config, clock, std::move(stamps), std::move(*material)));
}

TlsSource::TlsSource(const Config& config, const base::Clock& clock, std::vector<Stamp> stamps, Material material)
    : config_(config),
      clock_(clock),
      stamps_(std::move(stamps)),
      material_(std::move(material)),
      looked_at_(clock.steady()) {}

std::vector<TlsSource::Stamp> TlsSource::stamps_of(const Config& config) {
  std::vector<Stamp> stamps;
  for (const auto& file : config.files) {
    struct stat status {};
    if (stat(file.c_str(), &status) != 0) status = {};
    stamps.emplace_back(status.st_dev, status.st_ino, status.st_size,
                        status.st_mtim.tv_sec * kNanoseconds + status.st_mtim.tv_nsec);
  }
  return stamps;
}

TlsSource::Material TlsSource::current() {
  const std::lock_guard lock(mutex_);
  if (clock_.steady() - looked_at_ >= kLookAgainAfter) look();
  return material_;
}

bool TlsSource::refresh(const Material& used) {
  const std::lock_guard lock(mutex_);
  if (material_ == used) look();
  return material_ != used;
}

void TlsSource::look() {
  looked_at_ = clock_.steady();
  // Before the content: a file that changes in between is read once more at the next look.
  auto stamps = stamps_of(config_);
  if (stamps == stamps_) return;
  const auto config = reload(config_);
  auto material = config ? TlsMaterial::load(*config) : tl::unexpected(config.error());
  if (material) {
    base::log_info("certificates for the API server were replaced", {{"server", config_.server}});
    material_ = std::move(*material);
    stamps_ = std::move(stamps);
  } else if (stamps != unusable_) {
    base::log_warning("new certificates for the API server cannot be used, those read before stay in use",
                      {{"server", config_.server}, {"error", material.error()}});
    unusable_ = std::move(stamps);
  }
}

}  // namespace vbrain::kube
