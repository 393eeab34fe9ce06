#pragma once

#include <string>

#include "base/log/request_ids.hpp"
#include "base/time/clock.hpp"
#include "http/message/message.hpp"

namespace vbrain::api {

// What connects a request with log lines of its client and of other programs.
struct RequestContext {
  // `request_id` is `X-Request-Id` as sent, or a new UUID of version 7; `trace_id` that of `traceparent`. They are in
  // every log line that is written because of the request.
  base::RequestIds ids = {};
  std::string traceparent = {};  // of the sender, as one of version 00 (base::to_traceparent_00); empty: none
};

// An `X-Request-Id` is taken if it has 1 to 128 characters and each is a letter, a digit or one of `-_.:/+=@,`. Another
// one is replaced, as is a second one. Thread-safe.
RequestContext read_context(const http::RequestHead& head, base::TimePoint now);

}  // namespace vbrain::api
