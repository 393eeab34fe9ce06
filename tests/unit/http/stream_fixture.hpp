#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "http/stream.hpp"
#include "unit/http/server_fixture.hpp"

namespace vbrain::http::testing {

// What a test lets a stream say, from the test's own thread.
class Feed {
 public:
  void put(StreamPiece piece) {
    const std::lock_guard lock(mutex_);
    pieces_.push_back(std::move(piece));
    waker_.wake();
  }

  StreamPiece take() {
    ++asked;
    const std::lock_guard lock(mutex_);
    if (pieces_.empty()) return StreamPiece::nothing();
    StreamPiece piece = std::move(pieces_.front());
    pieces_.pop_front();
    return piece;
  }

  void set_waker(Waker waker) {
    const std::lock_guard lock(mutex_);
    waker_ = std::move(waker);
  }

  std::atomic<std::size_t> asked{0};
  std::atomic<std::size_t> made{0};
  std::atomic<std::size_t> ended{0};
  StreamPiece at_stop = StreamPiece::end();

 private:
  std::mutex mutex_;
  std::deque<StreamPiece> pieces_;
  Waker waker_;
};

class FedStream final : public Stream {
 public:
  FedStream(Feed& feed, Waker waker) : feed_(feed) {
    feed_.set_waker(std::move(waker));
    ++feed_.made;
  }
  ~FedStream() override { ++feed_.ended; }
  Task<StreamPiece> next() override { co_return feed_.take(); }
  StreamPiece stopping() override { return feed_.at_stop; }

 private:
  Feed& feed_;
};

// A stream of which next() is the given function.
class AskedStream final : public Stream {
 public:
  using Next = std::function<StreamPiece()>;
  AskedStream(Feed& feed, Next next) : feed_(feed), next_(std::move(next)) {}
  ~AskedStream() override { ++feed_.ended; }
  Task<StreamPiece> next() override {
    ++feed_.asked;
    co_return next_();
  }

 private:
  Feed& feed_;
  const Next next_;
};

// A server with streams, and with requests that wait.
class StreamTest : public ::testing::TestWithParam<Wire> {
 protected:
  StreamTest() : certificate_(GetParam(), options_, metrics_) {}
  ~StreamTest() override { server_.reset(); }

  const std::string& address() {
    if (server_ == nullptr) {
      server_ = std::make_unique<HttpServer>(
          "test", "127.0.0.1:0", options_, [this](Exchange& exchange) { return handle(exchange); },
          [](const RefusedRequest& refused) {
            Reply reply;
            reply.status = refused.status;
            reply.body = std::string(refused.detail);
            return reply;
          },
          io_, &pool_, metrics_);
      address_ = certificate_.address_of(*server_);
    }
    return address_;
  }

  Task<Reply> handle(Exchange& exchange) {
    note(exchange);
    Reply reply;
    const std::string path(exchange.head.path);
    if (path == "/feed") {
      reply.content_type = "text/event-stream";
      reply.body = StreamBody{.source = std::make_shared<FedStream>(feed_, exchange.waiting.waker()),
                              .heartbeat = heartbeat_,
                              .heartbeat_interval = heartbeat_interval_};
    } else if (path == "/asked") {
      reply.body = StreamBody{.source = std::make_shared<AskedStream>(feed_, next_)};
    } else if (path == "/own") {
      reply.body = StreamBody{.source = own_};
    } else if (path == "/wait") {
      seen_.change([&] {
        ++seen_.requests;
        wakers_.push_back(exchange.waiting.waker());
      });
      if (before_wait_) co_await run_on(pool_, before_wait_);
      const SteadyTime end =
          wait_ == std::chrono::milliseconds::max() ? SteadyTime::max() : std::chrono::steady_clock::now() + wait_;
      const Woken woken = co_await exchange.waiting.until(end);
      reply.body = std::to_string(static_cast<int>(woken));
      seen_.change([&] { woken_.push_back(woken); });
    } else {
      reply.body = path;
    }
    co_return reply;
  }

  // Waits until `condition` holds, for 10 s at most.
  template <class Condition>
  static bool eventually(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }

  HttpOptions options_;
  Feed feed_;
  AskedStream::Next next_;
  std::shared_ptr<Stream> own_;
  std::string heartbeat_;
  std::chrono::milliseconds heartbeat_interval_{20};
  std::chrono::milliseconds wait_ = std::chrono::milliseconds::max();
  std::function<void()> before_wait_;
  Seen seen_;
  std::vector<Waker> wakers_;
  std::vector<Woken> woken_;
  base::Metrics metrics_;
  ServerCertificate certificate_;
  base::WorkerPool pool_{"test", 2, 64};
  IoThreads io_{1};
  std::unique_ptr<HttpServer> server_;
  std::string address_;
};

}  // namespace vbrain::http::testing
