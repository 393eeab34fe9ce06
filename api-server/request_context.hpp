#pragma once

#include <string>
#include <string_view>

#include "base/time/clock.hpp"
#include "http/message/message.hpp"

namespace vbrain::api {

// What connects a request with log lines of its client and of other programs.
struct RequestContext {
  std::string request_id;   // `X-Request-Id` as sent, or a new UUID of version 7; in every answer and log line
  std::string traceparent;  // as sent (W3C Trace Context, version 00); empty: none, or not readable

  // The 32 hexadecimal digits of the trace; empty without one.
  std::string_view trace_id() const;
};

// An `X-Request-Id` is taken if it has 1 to 128 characters and each is a letter, a digit or one of `-_.:/+=@,`. Another
// one is replaced, as is a second one. Thread-safe.
RequestContext read_context(const http::RequestHead& head, base::TimePoint now);

}  // namespace vbrain::api
