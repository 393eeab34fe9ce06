#include "controller/background/archiver.hpp"

#include <utility>

namespace vbrain::controller {
namespace {

// The number of results that are kept. Results that nobody asks for, because their jobs were deleted, are dropped then.
constexpr std::size_t kMaxKnown = 10'000;

}  // namespace

Archiver::Archiver(Volume& volume, std::size_t threads, Wake wake) : volume_(volume), wake_(std::move(wake)) {
  if (threads > 0) pool_.emplace("archive", threads, kMaxWaiting);
}

Archiver::~Archiver() {
  closing_ = true;
}

Archiver::State Archiver::archive(const job::Job& job) {
  const std::string& name = job.meta.name;
  if (!begin(name, job.meta.uid + "/" + job.meta.resource_version)) return tell(name);
  if (run(job)) return tell(name);
  const std::lock_guard lock(mutex_);
  works_.erase(name);
  return State::kBusy;
}

// False if this version is being written or was written.
bool Archiver::begin(const std::string& name, const std::string& version) {
  const std::lock_guard lock(mutex_);
  const auto known = works_.find(name);
  if (known == works_.end()) {
    if (works_.size() >= kMaxKnown) std::erase_if(works_, [](const auto& entry) { return entry.second.ended; });
    works_.emplace(name, Work{.version = version});
    return true;
  }
  // The finished record is of another version of the Job.
  if (!known->second.ended || known->second.version == version) return false;
  known->second = Work{.version = version};
  return true;
}

Archiver::State Archiver::tell(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto known = works_.find(name);
  if (known == works_.end() || !known->second.ended) return State::kUnderWay;
  const Work work = std::move(known->second);
  works_.erase(known);
  if (work.failure) std::rethrow_exception(work.failure);
  return work.published ? State::kPublished : State::kDone;
}

bool Archiver::run(const job::Job& job) {
  if (pool_) {
    return pool_->try_post([this, job] {
      if (closing_) return;
      write(job);
      if (wake_) wake_(job.meta.name);
    });
  }
  write(job);
  return true;
}

void Archiver::write(const job::Job& job) {
  bool published = false;
  std::exception_ptr failure;
  try {
    published = volume_.archive(job);
  } catch (...) {
    failure = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  if (const auto known = works_.find(job.meta.name); known != works_.end()) {
    known->second.ended = true;
    known->second.published = published;
    known->second.failure = std::move(failure);
  }
}

}  // namespace vbrain::controller
