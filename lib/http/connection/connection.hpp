#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "http/handler.hpp"
#include "http/message/head_check.hpp"
#include "http/message/parser.hpp"
#include "http/server.hpp"
#include "http/stream.hpp"
#include "http/tls/client_socket.hpp"

namespace prometheus {
class Counter;
class Gauge;
}  // namespace prometheus

namespace vbrain::http {

class Handshakes;

// Shared by all connections of a server. Constant, except for the atomic members.
struct ConnectionContext {
  HttpOptions options;
  Handler handler;
  RefusalWriter refuse;
  base::WorkerPool* file_pool = nullptr;
  prometheus::Counter* refused = nullptr;  // requests answered by the server itself
  prometheus::Counter* cut = nullptr;      // connections ended by a timer
  prometheus::Gauge* streams_gauge = nullptr;
  prometheus::Counter* streamed_bytes = nullptr;
  Handshakes* handshakes = nullptr;     // null without TLS
  std::atomic<std::size_t> streams{0};  // open now
  std::atomic<bool> draining{false};
};

// One client's connection: reads one request after another and answers each before it reads the next. All members run
// on the connection's I/O thread.
class Connection final : private BodyReader, private Waiting {
 public:
  // `peer`: textual address of the client, without port.
  Connection(Socket socket, std::string peer, ConnectionContext& context);
  ~Connection() override;
  Connection(const Connection&) = delete;

  // Serves requests until the connection ends. Throws only std::bad_alloc.
  Task<void> run();
  // The same for a connection with TLS that is one too many: it is answered 503, which needs a handshake.
  Task<void> turn_away();

  // Closes the connection if a timer has expired. Called several times a second.
  void check_deadline(SteadyTime now);
  // The server stops: closes the connection if no request is under way on it, and ends waits.
  void drain();
  // Closes the connection. A handler under way goes on; its answer is dropped.
  void cut();

 private:
  enum class HeadResult { kRequest, kClosed, kRefused };

  void set_limit(std::uint64_t bytes) override { body_limit_ = bytes; }
  Task<std::string_view> read() override { return read_body(); }
  Waker waker() override;
  Task<Woken> until(SteadyTime deadline) override;
  void when_gone(std::function<void()> act) override { when_gone_ = std::move(act); }
  std::chrono::steady_clock::duration waited() const override { return waited_; }

  Task<bool> handshake();
  Task<void> end_tls();
  Task<std::size_t> read_tls(char* to, std::size_t size);
  Task<HeadResult> read_head();
  std::optional<HeadProblem> parse_head(std::size_t length);
  Task<bool> answer_request();
  Task<std::optional<Reply>> call_handler();
  Reply refuse(int status, std::string_view detail, const RequestHead* head);
  void give_up_on_handler();
  bool client_has_left();
  void end_body();
  Task<std::string_view> read_body();
  Task<std::string_view> read_body_piece();
  std::string_view next_body_piece();
  Task<void> fill_body_buffer();
  bool body_can_be_skipped() const;
  void forget_head();
  Task<bool> skip_body();
  Task<void> send_refusal(HeadProblem problem);
  Task<bool> send(Reply& reply, bool keep_alive, bool head_only);
  // A text of up to this size is copied behind its head: one buffer costs less than several.
  static constexpr std::size_t kCopied = 16 * 1024;
  Task<bool> send_file(FileBody& body, std::string& head);
  std::optional<std::size_t> send_pages(int file, std::uint64_t offset, std::size_t size);
  std::optional<std::size_t> send_copied_pages(int file, std::uint64_t offset, std::size_t size);
  Task<bool> send_pieces(const TextPieces& text, std::string& head);
  Task<bool> send_stream(StreamBody& body, std::string& head);
  Task<bool> send_all(StreamBody& body);
  Task<StreamPiece> next_piece(Stream& source);
  Task<bool> rest(const StreamBody& body, SteadyTime again);
  Task<bool> send_chunk(const std::string& bytes);
  Task<bool> end_stream();
  void watch_client();
  void stop_watching();
  void take_what_came();
  void keep_what_came();
  void lose_client();
  void end_waits();
  Task<bool> write(std::string_view bytes);
  Task<void> linger();
  Task<std::size_t> read_some(char* to, std::size_t size, std::chrono::milliseconds patience);

  ClientSocket socket_;
  ConnectionContext& context_;
  std::string peer_;
  SteadyTime deadline_ = SteadyTime::max();
  SteadyTime stuck_deadline_ = SteadyTime::max();  // for the handler, while it waits for a pool and not for the client
  SteadyTime end_of_life_ = SteadyTime::max();
  bool idle_ = true;
  bool cut_ = false;
  bool awaiting_body_ = false;   // reading a body that the handler has asked for
  bool body_timed_out_ = false;  // then the handler's answer is 408, and the connection ends
  bool answer_begun_ = false;    // no other answer can be written; stuck_deadline_ is the one of the next piece
  std::string request_id_;       // X-Request-Id of the file or stream that is being sent, for log lines

  // Waits and streams.
  struct Watch {
    Connection* connection;  // null: the watch is over
  };
  std::shared_ptr<Watch> watch_;           // looks whether the client sends something or goes; null: nobody looks
  std::shared_ptr<Waker::Target> target_;  // of this request's Wakers; null: there is none
  bool gone_ = false;                      // the client has closed its side
  std::function<void()> when_gone_;        // of a request that waits for a pool
  SteadyTime last_sent_ = {};              // of a stream
  std::uint64_t since_turn_ = 0;           // bytes of a stream since other connections had their turn
  std::chrono::steady_clock::duration waited_{0};

  std::string input_;       // bytes received and not yet consumed: head and pipelined requests
  std::string head_bytes_;  // the head that request_ points into
  RequestHead request_;
  std::shared_ptr<void> note_;  // of the handler of request_
  std::shared_ptr<void> kept_;  // Exchange::kept
  std::optional<RequestParser> parser_;

  std::string body_buffer_;  // received bytes of the body, from body_begin_ to body_end_
  std::size_t body_begin_ = 0;
  std::size_t body_end_ = 0;
  bool skipping_ = false;    // the rest of the body is read and dropped
  std::string body_joined_;  // small chunks joined together
  std::uint64_t body_limit_ = 0;
  std::uint64_t body_total_ = 0;
  std::uint64_t body_received_ = 0;  // raw bytes since the time was last renewed
  std::chrono::milliseconds body_patience_{0};
  bool continue_sent_ = false;
};

}  // namespace vbrain::http
