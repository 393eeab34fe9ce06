#pragma once

#include <string>

namespace vbrain::base {

// What a request is called in log lines. A LogField of it writes the members `request_id` and `trace_id`, and leaves
// out an empty one. Code that works for a request, and code that works for the job that a request has made, passes it
// on.
struct RequestIds {
  std::string request_id = {};
  std::string trace_id = {};
};

}  // namespace vbrain::base
