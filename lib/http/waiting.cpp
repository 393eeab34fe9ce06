#include "http/waiting.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace vbrain::http {

// Many calls make one message.
void Waker::wake() const {
  if (target_ == nullptr) return;
  const std::lock_guard lock(target_->mutex);
  if (!target_->executor || std::exchange(target_->posted, true)) return;
  boost::asio::post(*target_->executor, [target = target_] {
    {
      const std::lock_guard inner(target->mutex);
      target->posted = false;
    }
    target->signalled = true;
    target->interrupt();
  });
}

void Waker::Target::forget() {
  const std::lock_guard lock(mutex);
  executor.reset();
}

void Waker::Target::interrupt() {
  if (timer != nullptr) timer->cancel();
}

}  // namespace vbrain::http
