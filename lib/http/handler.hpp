#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "http/message/message.hpp"
#include "http/task.hpp"
#include "http/waiting.hpp"

namespace vbrain::http {

// The reason why a request's body could not be read completely. kGone also where a handler waited (Waiting) for a
// client that has gone.
class BodyError : public std::runtime_error {
 public:
  enum class Kind { kGone, kTimeout, kMalformed, kTooLarge };
  BodyError(Kind kind, const std::string& detail) : std::runtime_error(detail), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

// The body of one request, read while it arrives.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // The largest allowed body, in bytes after removing the transfer coding; with one byte more read() throws kTooLarge.
  // Set it before the first read(); it is 0 until then.
  virtual void set_limit(std::uint64_t bytes) = 0;
  // The next bytes, at most one read buffer, valid until the next call; empty at the end. The first call sends `100
  // Continue` to a client that waits for it. Throws BodyError.
  virtual Task<std::string_view> read() = 0;
};

// One request with its body and the client's address.
struct Exchange {
  const RequestHead& head;
  BodyReader& body;
  std::string_view peer;  // textual address of the client, without port
  Waiting& waiting;
  // What the handler wants to know again if the server refuses this request in its place (RefusedRequest::note).
  std::shared_ptr<void>& note;
  // What the handler wants to keep as long as the connection is open. It is destroyed with the connection.
  std::shared_ptr<void>& kept;
};

// Answers one request. Runs on an I/O thread. What it throws becomes the answer of answer_to_exception().
using Handler = std::function<Task<Reply>(Exchange&)>;

// A request, or a connection, that the server itself refuses: malformed HTTP, limits, time, overload.
struct RefusedRequest {
  int status = 500;
  std::string_view detail = {};
  std::string_view peer = {};         // textual address of the client, without port
  const RequestHead* head = nullptr;  // null: it was not read, or is malformed
  std::shared_ptr<void> note = {};    // Exchange::note; null: the handler did not get the request, or has set none
  // If the client's source has as many connections as it may: how many that is. Zero for all others.
  std::size_t connections_of_source = 0;
};

// Creates the answers to them. Runs on the I/O thread of the connection, perhaps while the handler works.
using RefusalWriter = std::function<Reply(const RefusedRequest&)>;

// Status and detail of the answer for an exception of this library.
struct ExceptionAnswer {
  int status = 500;
  std::string detail = {};
};

// BodyError kMalformed: 400. BodyError kTooLarge: 413. LaneFull: 429. Overloaded: 503. Nothing for all others.
std::optional<ExceptionAnswer> answer_to_exception(const std::exception_ptr& exception);

// True for a BodyError that says that the client is gone or too slow: nobody is left to answer.
bool is_client_gone(const std::exception_ptr& exception);

}  // namespace vbrain::http
