#include "kube/transport/token_source.hpp"

#include <fstream>
#include <iterator>

#include "base/log/log.hpp"

namespace vbrain::kube {
namespace {

constexpr std::chrono::seconds kReadAgainAfter{60};
constexpr const char* kWhiteSpace = " \t\r\n";

}  // namespace

TokenSource::TokenSource(const Config& config, const base::Clock& clock)
    : file_(config.token_file), clock_(clock), token_(config.token) {
  if (!file_.empty()) read_file();
}

std::string TokenSource::token() {
  const std::lock_guard lock(mutex_);
  if (!file_.empty() && clock_.steady() - read_at_ >= kReadAgainAfter) read_file();
  return token_;
}

bool TokenSource::refresh(const std::string& used) {
  const std::lock_guard lock(mutex_);
  if (!file_.empty()) read_file();
  return token_ != used;
}

void TokenSource::read_file() {
  read_at_ = clock_.steady();
  std::ifstream file(file_, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::size_t begin = text.find_first_not_of(kWhiteSpace);
  if (!file.good() && !file.eof()) text.clear();
  if (begin == std::string::npos || text.empty()) {
    base::log_warning("token file cannot be read, the token read before stays in use", {{"file", file_.string()}});
    return;
  }
  token_ = text.substr(begin, text.find_last_not_of(kWhiteSpace) - begin + 1);
}

}  // namespace vbrain::kube
