#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "api-server/errors.hpp"
#include "http/task.hpp"

namespace vbrain::api {

// Bounds the memory of all JSON that clients have on its way in or out, whatever the number of connections: a body is
// held as a whole while it is read, checked, published, or sent to a slow reader. Thread-safe.
class JsonBudget {
 public:
  // What one request holds without asking: room for the JSON that people usually send.
  static constexpr std::size_t kFree = 16 * 1024;

  explicit JsonBudget(std::uint64_t bytes) : left_(static_cast<std::int64_t>(bytes)) {}

  // A request's part of the budget, given back at its end.
  class Share {
   public:
    explicit Share(JsonBudget& budget) : budget_(&budget) {}
    Share(Share&& other) noexcept : budget_(other.budget_), held_(std::exchange(other.held_, 0)) {}
    Share& operator=(Share&&) = delete;
    ~Share() { budget_->left_ += held_; }

    // Grows the share to `bytes` held; throws Overloaded if the rest of the budget is smaller.
    void cover(std::size_t bytes) {
      const auto more = static_cast<std::int64_t>(bytes > kFree ? bytes : 0) - held_;
      if (more <= 0) return;
      if ((budget_->left_ -= more) < 0) {
        budget_->left_ += more;
        throw http::Overloaded();
      }
      held_ += more;
    }

   private:
    JsonBudget* budget_;
    std::int64_t held_ = 0;
  };

  // For an answer's Reply::hold.
  std::shared_ptr<Share> share(std::size_t bytes) {
    auto held = std::make_shared<Share>(*this);
    held->cover(bytes);
    return held;
  }

 private:
  std::atomic<std::int64_t> left_;
};

// 200 with a copy of `json`, which counts against the budget until it is sent.
inline http::Reply held_json(JsonBudget& budget, const std::string& json) {
  auto held = budget.share(json.size());
  http::Reply reply = json_reply(200, json);
  reply.hold = std::move(held);
  return reply;
}

}  // namespace vbrain::api
