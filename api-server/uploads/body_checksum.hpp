#pragma once

#include <memory>
#include <string_view>

#include "api-server/uploads/tus.hpp"

namespace vbrain::api {

// Whether the bytes of a body are those of its Upload-Checksum. Not thread-safe.
class BodyChecksum {
 public:
  explicit BodyChecksum(Checksum wanted);
  ~BodyChecksum();
  void update(std::string_view bytes);
  // Call it once, after the last update().
  bool fits();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vbrain::api
