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
  wait_for_room(name);
  return State::kBusy;
}

void Archiver::wait_for_room(const std::string& name) {
  const std::lock_guard lock(mutex_);
  works_.erase(name);
  --under_way_;
  if (waiting_names_.insert(name).second) waiting_.push_back(name);
}

// Who asks again after a record was written. Two while there is much room, because a job that is woken may be deleted
// and will not ask: then its turn is lost.
std::vector<std::string> Archiver::next_turns() {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> next;
  const std::size_t most = under_way_ < kMaxWaiting / 2 ? 2 : 1;
  while (next.size() < most && !waiting_.empty()) {
    next.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    waiting_names_.erase(next.back());
  }
  return next;
}

// False if this version is being written or was written.
bool Archiver::begin(const std::string& name, const std::string& version) {
  const std::lock_guard lock(mutex_);
  const auto known = works_.find(name);
  if (known == works_.end()) {
    if (works_.size() >= kMaxKnown) std::erase_if(works_, [](const auto& entry) { return entry.second.ended; });
    works_.emplace(name, Work{.version = version});
    ++under_way_;
    return true;
  }
  // The finished record is of another version of the Job.
  if (!known->second.ended || known->second.version == version) return false;
  known->second = Work{.version = version};
  ++under_way_;
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
      if (!wake_) return;
      wake_(job.meta.name);
      for (const std::string& name : next_turns()) wake_(name);
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
  --under_way_;
  if (const auto known = works_.find(job.meta.name); known != works_.end()) {
    known->second.ended = true;
    known->second.published = published;
    known->second.failure = std::move(failure);
  }
}

}  // namespace vbrain::controller
