#include "support/netfs/session_loop.hpp"

#include <linux/fuse.h>

#include <cerrno>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace vbrain::netfs {
namespace {

std::uint32_t opcode_of(const fuse_buf& buffer) {
  fuse_in_header header{};
  std::memcpy(&header, buffer.mem, sizeof header);
  return header.opcode;
}

// These requests never block.
bool is_served_in_order(std::uint32_t opcode) {
  return opcode == FUSE_INIT || opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INTERRUPT ||
         opcode == FUSE_RELEASE || opcode == FUSE_RELEASEDIR;
}

// Threads that serve requests. They are never joined, because some may hang when the program ends.
class Workers {
 public:
  explicit Workers(fuse_session* session) : session_(session) {}

  void serve(fuse_buf buffer) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(buffer);
    if (idle_ < waiting_.size()) std::thread([this] { work(); }).detach();
    ready_.notify_one();
  }

  // An unused buffer; its memory belongs to libfuse.
  fuse_buf free_buffer() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return {};
    const fuse_buf buffer = free_.back();
    free_.pop_back();
    return buffer;
  }

  void give_back(fuse_buf buffer) {
    const std::lock_guard lock(mutex_);
    free_.push_back(buffer);
  }

 private:
  [[noreturn]] void work() {
    while (true) {
      fuse_buf buffer = next();
      fuse_session_process_buf(session_, &buffer);
      give_back(buffer);
    }
  }

  fuse_buf next() {
    std::unique_lock lock(mutex_);
    ++idle_;
    ready_.wait(lock, [this] { return !waiting_.empty(); });
    --idle_;
    const fuse_buf buffer = waiting_.front();
    waiting_.pop_front();
    return buffer;
  }

  fuse_session* session_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<fuse_buf> waiting_;
  std::vector<fuse_buf> free_;
  std::size_t idle_ = 0;
};

}  // namespace

int serve(fuse_session* session) {
  // Never deleted, because its threads use it until the program ends.
  auto& workers = *new Workers(session);
  while (!fuse_session_exited(session)) {
    fuse_buf buffer = workers.free_buffer();
    const int got = fuse_session_receive_buf(session, &buffer);
    if (got == -EINTR) {
      workers.give_back(buffer);
      continue;
    }
    if (got <= 0) return -got;
    if (is_served_in_order(opcode_of(buffer))) {
      fuse_session_process_buf(session, &buffer);
      workers.give_back(buffer);
    } else {
      workers.serve(buffer);
    }
  }
  return 0;
}

}  // namespace vbrain::netfs
