#pragma once

#include <string>
#include <utility>

#include "http/task.hpp"
#include "http/waiting.hpp"

namespace vbrain::http {

// What a Stream gives when it is asked.
struct StreamPiece {
  enum class Kind {
    kBytes,    // `bytes`: the next ones, best some KiB; the stream is asked again when the client has taken them
    kNothing,  // nothing yet: the stream is asked again when its Waker is woken, and at `again`
    kEnd,      // the body is complete
    kBroken,   // it will never be: the connection ends so that the client sees that
  };
  Kind kind = Kind::kNothing;
  std::string bytes = {};
  SteadyTime again = SteadyTime::max();

  static StreamPiece of(std::string bytes) { return {.kind = Kind::kBytes, .bytes = std::move(bytes)}; }
  static StreamPiece nothing(SteadyTime again = SteadyTime::max()) { return {.again = again}; }
  static StreamPiece end() { return {.kind = Kind::kEnd}; }
  static StreamPiece broken() { return {.kind = Kind::kBroken}; }
};

// A body that is made while it is sent and whose length nobody knows (StreamBody). It takes the Waker of its request
// (Exchange::waiting) with it and keeps no view into the request's head. All members are called on the connection's I/O
// thread and must not block.
class Stream {
 public:
  // Called when the answer is over: it is complete, the client has gone, or the server stops. Not while next() works.
  virtual ~Stream() = default;
  // Called when the client has taken the piece before, never twice at a time. An exception is logged and breaks the
  // stream; Overloaded does not: the stream is asked again a moment later.
  virtual Task<StreamPiece> next() = 0;
  // The server stops. What this returns is the last of the stream: kBytes, then its end; kBroken where an end would say
  // that the body is complete.
  virtual StreamPiece stopping() { return StreamPiece::end(); }
};

}  // namespace vbrain::http
