#include "api-server/limits/connection_place.hpp"

#include <utility>

namespace vbrain::api {
namespace {

class Place {
 public:
  explicit Place(ConnectionCount count) : count_(std::move(count)) {}
  ~Place() { --*count_; }
  Place(const Place&) = delete;

  bool is_of(const ConnectionCount& count) const { return count_ == count; }

 private:
  const ConnectionCount count_;
};

}  // namespace

bool count_connection(const ConnectionCount& count, std::uint64_t most, std::shared_ptr<void>& place) {
  if (place != nullptr && static_cast<const Place*>(place.get())->is_of(count)) return true;
  place.reset();
  std::size_t open = count->load();
  do {
    if (open >= most) return false;
  } while (!count->compare_exchange_weak(open, open + 1));
  place = std::make_shared<Place>(count);
  return true;
}

}  // namespace vbrain::api
