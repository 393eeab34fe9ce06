#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "http/task.hpp"

namespace vbrain::api {

// Writes a stream of bytes on a pool while the next ones are received: one block is being written, another is being
// filled. Used by one coroutine on its I/O thread. Before it ends, also after an exception, settle() must have been
// awaited: the write may use what the coroutine owns.
class WriteBehind {
 public:
  static constexpr std::size_t kBlock = 128 * 1024;

  // `write` of begin() runs on `pool`, one call at a time.
  explicit WriteBehind(base::Lane pool);

  void begin(std::function<void(std::string_view)> write);
  // Waits if the block before is still being written. Throws what writing it has thrown, and Overloaded.
  http::Task<void> add(std::string_view bytes);
  // Writes the rest and waits for it. Throws as add().
  http::Task<void> flush();
  // Waits until nothing is being written. What is left is dropped. Throws nothing.
  http::Task<void> settle();

 private:
  struct State;
  static http::Task<void> write_block(std::shared_ptr<State> state);
  http::Task<void> start();

  std::shared_ptr<State> state_;
};

}  // namespace vbrain::api
