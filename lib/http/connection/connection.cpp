#include "http/connection/connection.hpp"

#include <poll.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <utility>

#include "base/log/log.hpp"
#include "http/message/date.hpp"
#include "http/tls/certificate_keeper.hpp"

namespace vbrain::http {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A peer has body_timeout for each piece of this size.
constexpr std::size_t kBodyPiece = 64 * 1024;
constexpr std::size_t kFirstRead = 4096;
constexpr milliseconds kLinger{2000};
constexpr HeadProblem kHeadTooLarge{431, "the head is larger than allowed"};
constexpr std::string_view kTooManyStreams =
    "this server has as many open streams as it may (--max-streams); come back after the time in Retry-After, or ask "
    "from time to time instead of streaming";
constexpr HeadProblem kBadLine{400, "malformed line ending"};

// Frees the old memory. An assignment of a short text would keep it.
void replace(std::string& text, std::string by) {
  text.swap(by);
}

// Closes a file that was sent on the pool: closing may block, most of all where it removes a file without a name.
struct ReplyHolder {
  base::WorkerPool* pool;
  std::optional<Reply> reply;

  ~ReplyHolder() { release(); }
  void release() {
    if (reply && std::holds_alternative<FileBody>(reply->body) && pool != nullptr) {
      base::Lane(*pool).post_always([closing = std::make_shared<Reply>(std::move(*reply))](base::Turn) {});
    }
    reply.reset();
  }
};

// One of the streams that may be open at a time.
struct StreamPlace {
  ConnectionContext& context;
  bool taken = false;

  bool take() {
    taken = true;
    context.streams_gauge->Increment();
    return ++context.streams <= context.options.max_streams;
  }
  ~StreamPlace() { leave(); }
  void leave() {
    if (!std::exchange(taken, false)) return;
    context.streams_gauge->Decrement();
    --context.streams;
  }
};

std::unique_ptr<TlsSession> new_tls_session(const HttpOptions& options) {
  return options.certificates == nullptr ? nullptr : options.certificates->current()->new_session();
}

// Empty: the handler has set none.
std::string_view request_id_of(const Reply& reply) {
  const auto field = std::ranges::find(reply.headers, "X-Request-Id", [](const auto& one) { return one.first; });
  return field == reply.headers.end() ? std::string_view() : std::string_view(field->second);
}

}  // namespace

Connection::Connection(Socket socket, std::string peer, ConnectionContext& context)
    : socket_(std::move(socket), new_tls_session(context.options)), context_(context), peer_(std::move(peer)) {
  error_code ignored;
  Socket& tcp = socket_.tcp();
  tcp.set_option(asio::ip::tcp::no_delay(true), ignored);
  tcp.non_blocking(true, ignored);
  const milliseconds lifetime = context.options.connection_lifetime;
  if (lifetime > milliseconds(0)) end_of_life_ = steady_clock::now() + lifetime;
}

Connection::~Connection() {
  end_waits();
}

Task<void> Connection::run() {
  error_code ignored;
  bool go_on = true;
  if (socket_.has_tls()) go_on = co_await handshake();
  while (go_on) {
    const HeadResult result = co_await read_head();
    if (result != HeadResult::kRequest) {
      if (result == HeadResult::kClosed && !cut_) socket_.end(ignored);
      break;
    }
    go_on = co_await answer_request();
  }
  socket_.tcp().close(ignored);
}

void Connection::check_deadline(SteadyTime now) {
  if (cut_) return;
  if (when_gone_ && client_has_left()) std::exchange(when_gone_, nullptr)();
  const bool stuck = now >= stuck_deadline_ && context_.options.is_stuck && context_.options.is_stuck();
  // Within a body a second answer cannot be written: the connection is cut below.
  if (stuck && !answer_begun_) return give_up_on_handler();
  if (!stuck && now < std::min(deadline_, end_of_life_)) return;
  context_.cut->Increment();
  if (awaiting_body_ && !body_timed_out_ && now < end_of_life_) return end_body();
  cut();
}

// The client has paused for too long. Nothing is lost for it to read: it gets an answer.
void Connection::end_body() {
  body_timed_out_ = true;
  deadline_ = SteadyTime::max();
  error_code ignored;
  socket_.tcp().cancel(ignored);
}

void Connection::drain() {
  if (idle_) return cut();
  if (target_ != nullptr) target_->interrupt();
}

void Connection::cut() {
  cut_ = true;
  deadline_ = SteadyTime::max();
  error_code ignored;
  // Between two requests nothing is missing.
  if (idle_) socket_.end(ignored);
  // The end of an HTTP/1.0 body is the end of the connection: a reset says that this is not it.
  if (answer_begun_ && !request_.http_1_1) socket_.tcp().set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.tcp().close(ignored);
  if (target_ != nullptr) target_->interrupt();
  if (when_gone_) std::exchange(when_gone_, nullptr)();
}

// Whether the client has closed its side, also if bytes that it sent before are not read yet.
bool Connection::client_has_left() {
  pollfd socket{socket_.tcp().native_handle(), POLLRDHUP, 0};
  return poll(&socket, 1, 0) == 1;
}

// Nothing is being written while the handler works, so the socket's buffer has room for an answer. The answer that the
// handler gives later is dropped.
void Connection::give_up_on_handler() {
  const Reply reply = refuse(503, "the storage does not answer", &request_);
  std::string text = render_head(reply, http_date_now(), false);
  if (request_.method != Method::kHead) text += std::get<std::string>(reply.body);
  error_code ignored;
  socket_.write_some(asio::buffer(std::as_const(text)), ignored);
  socket_.end(ignored);
  socket_.tcp().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  cut();
}

// Zero: the peer has closed, or a timer has expired.
Task<std::size_t> Connection::read_some(char* to, std::size_t size, milliseconds patience) {
  error_code error;
  if (cut_) co_return 0;
  deadline_ = steady_clock::now() + patience;
  std::size_t got = 0;
  if (socket_.has_tls()) {
    got = co_await read_tls(to, size);
  } else {
    got = co_await socket_.tcp().async_read_some(asio::buffer(to, size), asio::redirect_error(kAwait, error));
  }
  deadline_ = SteadyTime::max();
  co_return error ? 0 : got;
}

Task<Connection::HeadResult> Connection::read_head() {
  const HttpOptions& options = context_.options;
  std::size_t line = 0;       // start of the line being looked at
  bool leading_line = false;  // one empty line before a request is ignored (RFC 9112 section 2.2)
  const SteadyTime begun = steady_clock::now();
  SteadyTime first_byte = begun;
  for (;;) {
    for (;;) {
      const auto end = input_.find('\n', line);
      if (end == std::string::npos) break;
      if (end == line || input_[end - 1] != '\r') {
        co_await send_refusal(kBadLine);
        co_return HeadResult::kRefused;
      }
      if (end == line + 1 && line == 0 && !leading_line) {
        leading_line = true;
        input_.erase(0, 2);
        continue;
      }
      line = end + 1;
      if (end >= 3 && input_[end - 2] == '\n') {
        const auto problem = line > options.max_header_bytes ? std::optional(kHeadTooLarge) : parse_head(line);
        if (problem) {
          co_await send_refusal(*problem);
          co_return HeadResult::kRefused;
        }
        idle_ = false;
        co_return HeadResult::kRequest;
      }
    }
    const std::size_t have = input_.size();
    if (have >= options.max_header_bytes) {
      co_await send_refusal(kHeadTooLarge);
      co_return HeadResult::kRefused;
    }
    if (have == 0 && context_.draining) co_return HeadResult::kClosed;
    // The first request of a connection has header_timeout, later ones have idle_timeout.
    const bool waiting = have == 0 && parser_.has_value();
    idle_ = have == 0;
    const auto patience =
        waiting ? options.idle_timeout
                : std::chrono::ceil<milliseconds>(options.header_timeout - (steady_clock::now() - first_byte));
    input_.resize(std::min(options.max_header_bytes, std::max(kFirstRead, have * 2)));
    const std::size_t got = co_await read_some(input_.data() + have, input_.size() - have, patience);
    input_.resize(have + got);
    if (got == 0) co_return HeadResult::kClosed;
    if (have == 0) first_byte = steady_clock::now();
  }
}

std::optional<HeadProblem> Connection::parse_head(std::size_t length) {
  head_bytes_.assign(input_, 0, length);
  // The buffer of a large head is freed.
  if (input_.capacity() > kFirstRead) {
    replace(input_, input_.substr(length));
  } else {
    input_.erase(0, length);
  }
  if (auto problem = check_head(head_bytes_, context_.options.max_header_fields)) return problem;
  request_ = RequestHead{};
  parser_.emplace(request_);
  error_code error;
  parser_->put(asio::buffer(head_bytes_), error);
  if (error || !parser_->is_header_done()) return HeadProblem{400, "malformed request"};
  if (const auto expect = request_.find("expect"); expect && !request_.expect_continue) {
    return HeadProblem{417, "only 100-continue can be expected"};
  }
  body_limit_ = 0;
  body_total_ = 0;
  body_received_ = 0;
  body_patience_ = context_.options.body_timeout;
  body_begin_ = body_end_ = 0;
  skipping_ = false;
  continue_sent_ = false;
  body_timed_out_ = false;
  return std::nullopt;
}

// `head`: that of the request; null: there is none.
Reply Connection::refuse(int status, std::string_view detail, const RequestHead* head) {
  context_.refused->Increment();
  Reply reply = context_.refuse({.status = status, .detail = detail, .peer = peer_, .head = head, .note = note_});
  reply.close = true;
  return reply;
}

Task<void> Connection::send_refusal(HeadProblem problem) {
  Reply reply = refuse(problem.status, problem.detail, nullptr);
  co_await send(reply, false, false);
  co_await linger();
}

// The handler's answer, or the server's own if the handler threw. Nothing: the client is gone.
Task<std::optional<Reply>> Connection::call_handler() {
  Exchange exchange{request_, *this, peer_, *this, note_, kept_};
  waited_ = {};
  struct Watched {
    SteadyTime& deadline;
    ~Watched() { deadline = SteadyTime::max(); }
  } const watched{stuck_deadline_};
  stuck_deadline_ = steady_clock::now() + context_.options.stuck_timeout;
  std::exception_ptr failure;
  try {
    co_return co_await context_.handler(exchange);
  } catch (const std::exception& problem) {
    failure = std::current_exception();
    if (!is_client_gone(failure) && !answer_to_exception(failure)) {
      base::log_error("request failed", {{"method", to_string(request_.method)}, {"error", problem.what()}});
    }
  }
  if (is_client_gone(failure)) co_return std::nullopt;
  const ExceptionAnswer answer = answer_to_exception(failure).value_or(ExceptionAnswer{});
  co_return refuse(answer.status, answer.detail, &request_);
}

// True if the connection can serve another request.
Task<bool> Connection::answer_request() {
  ReplyHolder holder{context_.file_pool, std::nullopt};
  std::optional<Reply>& reply = holder.reply;
  reply = co_await call_handler();
  if (!reply) co_return false;
  const bool head_only = request_.method == Method::kHead;
  StreamPlace place{context_};
  if (std::holds_alternative<StreamBody>(reply->body)) {
    if (!head_only && !place.take()) {
      place.leave();
      reply = refuse(503, kTooManyStreams, &request_);
    }
    if (!request_.http_1_1) reply->close = true;  // the end of the connection is the end of the body
  }
  const bool skippable = body_can_be_skipped();
  const bool keep_alive = request_.keep_alive && !reply->close && skippable && !body_timed_out_ && !context_.draining;
  const bool sent = co_await send(*reply, keep_alive, head_only);
  end_waits();
  place.leave();
  if (!sent) co_return false;
  holder.release();
  forget_head();
  if (!keep_alive) {
    co_await linger();
    co_return false;
  }
  if (!parser_->is_done()) {
    const bool skipped = co_await skip_body();
    if (!skipped) co_return false;
  }
  // The bytes after the body are the next request.
  if (body_begin_ < body_end_) input_.insert(0, body_buffer_, body_begin_, body_end_ - body_begin_);
  body_begin_ = body_end_ = 0;
  // An idle connection holds little memory.
  replace(body_buffer_, {});
  replace(body_joined_, {});
  if (input_.empty() && input_.capacity() > kFirstRead) replace(input_, {});
  co_return true;
}

// Frees the head, which is not used after the answer was sent.
void Connection::forget_head() {
  request_.path = request_.query = {};
  request_.fields = {};
  note_.reset();
  replace(head_bytes_, {});
}

Task<bool> Connection::send(Reply& reply, bool keep_alive, bool head_only) {
  std::string head = render_head(reply, http_date_now(), keep_alive, request_.http_1_1);
  if (head_only || reply.status == 304 || reply.status == 204) co_return co_await write(head);
  if (auto* file = std::get_if<FileBody>(&reply.body)) {
    request_id_ = request_id_of(reply);
    co_return co_await send_file(*file, head);
  }
  if (auto* text = std::get_if<std::shared_ptr<const TextPieces>>(&reply.body)) {
    co_return co_await send_pieces(**text, head);
  }
  if (auto* stream = std::get_if<StreamBody>(&reply.body)) {
    request_id_ = request_id_of(reply);
    co_return co_await send_stream(*stream, head);
  }
  const auto& text = std::get<std::string>(reply.body);
  if (text.size() <= kCopied) {
    head += text;
    co_return co_await write(head);
  }
  TextPieces pieces;
  pieces.add(nullptr, text);  // the reply keeps it
  co_return co_await send_pieces(pieces, head);
}

Task<bool> Connection::write(std::string_view bytes) {
  error_code error;
  if (cut_) co_return false;
  std::size_t done = 0;
  std::size_t renew = 0;
  for (;;) {
    // Most answers fit into the socket's buffer and need no wait.
    done += socket_.write_some(asio::buffer(bytes.data() + done, bytes.size() - done), error);
    if (error && !would_block(error)) co_return false;
    if (done == bytes.size()) break;
    if (!error) continue;
    if (done >= renew) {
      renew = done + kBodyPiece;
      deadline_ = steady_clock::now() + context_.options.body_timeout;
    }
    const auto wanted = socket_.wanted(Socket::wait_write);
    co_await socket_.tcp().async_wait(wanted, asio::redirect_error(kAwait, error));
    if (error || cut_ || (answer_begun_ && gone_)) co_return false;
  }
  deadline_ = SteadyTime::max();
  co_return true;
}

// Reads and drops what the client still sends, for a while. A close with unread bytes resets the connection, and the
// client may lose the answer.
Task<void> Connection::linger() {
  error_code ignored;
  if (socket_.has_tls()) {
    co_await end_tls();
    socket_.drop_tls();
  }
  socket_.tcp().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  const SteadyTime end = steady_clock::now() + kLinger;
  forget_head();
  replace(input_, {});
  replace(body_buffer_, std::string(kFirstRead, '\0'));
  while (steady_clock::now() < end) {
    const auto patience = std::chrono::ceil<milliseconds>(end - steady_clock::now());
    const std::size_t got = co_await read_some(body_buffer_.data(), body_buffer_.size(), patience);
    if (got == 0) break;
  }
}

}  // namespace vbrain::http
