#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/metrics.hpp"
#include "base/threads/worker_pool.hpp"
#include "base/time/clock.hpp"
#include "http/server.hpp"
#include "http/tls/certificate_keeper.hpp"
#include "unit/http/raw_client.hpp"

namespace vbrain::http::testing {

// The requests that the test's handler got.
struct Seen {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t requests = 0;
  std::size_t broken_bodies = 0;
  bool gate_open = false;

  template <class Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(10), condition);
  }
  template <class Change>
  void change(Change what) {
    {
      const std::lock_guard lock(mutex);
      what();
    }
    changed.notify_all();
  }
};

// How the clients of a test speak with the server.
enum class Wire { kPlain, kTls };

inline std::string name_of(const ::testing::TestParamInfo<Wire>& info) {
  return info.param == Wire::kPlain ? "Plain" : "Tls";
}

// The certificate of a test's server, in the options of this server; nothing for a plain one.
class ServerCertificate {
 public:
  ServerCertificate(Wire wire, HttpOptions& options, base::Metrics& metrics) : wire_(wire) {
    if (wire == Wire::kPlain) return;
    const TestCertificates& files = TestCertificates::get();
    keeper_.emplace(TlsFiles{files.file("tls.crt"), files.file("tls.key")}, clock_, metrics);
    options.certificates = &*keeper_;
  }
  // What a RawClient takes.
  std::string address_of(const HttpServer& server) const {
    return (wire_ == Wire::kPlain ? "" : "https://") + server.address();
  }
  // What curl takes.
  std::string curl_options() const {
    return wire_ == Wire::kPlain ? "--noproxy '*'" : "--noproxy '*' --cacert " + TestCertificates::get().file("ca.crt");
  }
  std::string url_of(const HttpServer& server) const {
    return (wire_ == Wire::kPlain ? "http://" : "https://") + server.address();
  }

 private:
  const Wire wire_;
  const base::SystemClock clock_;
  std::optional<CertificateKeeper> keeper_;
};

// Of a request with X-Request-Id.
struct Note final : RequestNote {
  explicit Note(std::string_view id) : ids_{.request_id = std::string(id), .trace_id = "4bf9"} {}
  const base::RequestIds& ids() const override { return ids_; }

 private:
  const base::RequestIds ids_;
};

inline void note(Exchange& exchange) {
  if (const auto id = exchange.head.find("x-request-id")) exchange.note = std::make_shared<Note>(*id);
}

class HttpServerBase : public ::testing::Test {
 protected:
  explicit HttpServerBase(Wire wire) : certificate_(wire, options_, metrics_) {
    options_.max_header_bytes = 8192;
    options_.max_connections = 100;
  }

  // Starts at the first use, so that a test can change the options before.
  const std::string& address() {
    if (server_ == nullptr) {
      server_ = std::make_unique<HttpServer>(
          "test", "127.0.0.1:0", options_, [this](Exchange& exchange) { return handle(exchange); },
          [](const RefusedRequest& refused) {
            Reply reply;
            reply.status = refused.status;
            reply.body = "{\"detail\":\"" + std::string(refused.detail) + "\"}";
            return reply;
          },
          io_, &pool_, metrics_);
      address_ = certificate_.address_of(*server_);
    }
    return address_;
  }

  Task<Reply> handle(Exchange& exchange) {
    seen_.change([&] { ++seen_.requests; });
    note(exchange);
    Reply reply;
    const std::string path(exchange.head.path);
    if (path == "/echo") {
      exchange.body.set_limit(1 << 20);
      std::string body;
      try {
        for (;;) {
          const std::string_view piece = co_await exchange.body.read();
          if (piece.empty()) break;
          body += piece;
        }
      } catch (const BodyError&) {
        seen_.change([&] { ++seen_.broken_bodies; });
        throw;
      }
      reply.body = body;
    } else if (path == "/thread") {
      const auto work = [] { return std::string("from a worker"); };
      reply.body = co_await run_on(pool_, work);
    } else if (path == "/throw") {
      const auto work = []() -> void { throw std::runtime_error("secret"); };
      co_await run_on(pool_, work);
    } else if (path == "/wait") {
      const auto work = [this] { seen_.wait([this] { return seen_.gate_open; }); };
      co_await run_on(pool_, work);
      reply.body = "waited";
    } else if (path == "/file") {
      FileBody file;
      file.file = base::Fd(::open(file_path_.c_str(), O_RDONLY | O_CLOEXEC));
      file.length = file_size_;
      file.before = in_pieces("<");
      file.after = in_pieces(">");
      reply.body = std::move(file);
    } else if (path == "/file-behind-text") {
      FileBody file;
      file.file = base::Fd(::open(file_path_.c_str(), O_RDONLY | O_CLOEXEC));
      file.length = file_size_;
      file.before = long_text_;
      file.after = in_pieces("]");
      reply.body = std::move(file);
    } else if (path == "/large") {
      reply.body = std::string(8 << 20, 'x');
    } else if (path == "/inject") {
      reply.headers.emplace_back("X-Name", "a\r\nX-Evil: 1");
    } else {
      std::string fields;
      for (const HeaderField& field : exchange.head.fields) {
        fields.append(field.name).append("=").append(field.value).append(";");
      }
      reply.body = path + "|" + std::string(exchange.head.query) + "|" + fields;
    }
    co_return reply;
  }

  const std::shared_ptr<const TextPieces> long_text_ = in_pieces(std::string(4 << 20, 't'));
  static bool always_in_memory(int, std::uint64_t, std::size_t) { return true; }
  static bool never_in_memory(int, std::uint64_t, std::size_t) { return false; }

  static std::string file_content(std::size_t size) {
    std::string content(size, '\0');
    for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>('a' + i % 23);
    return content;
  }
  void make_file(std::size_t size) {
    file_path_ = ::testing::TempDir() + "/http_server_test." + std::to_string(::getpid());
    FILE* file = std::fopen(file_path_.c_str(), "w");
    std::fputs(file_content(size).c_str(), file);
    std::fclose(file);
    file_size_ = size;
  }

  ~HttpServerBase() override {
    if (!file_path_.empty()) std::remove(file_path_.c_str());
  }

  HttpOptions options_;
  Seen seen_;
  std::string file_path_;
  std::uint64_t file_size_ = 0;
  base::Metrics metrics_;
  ServerCertificate certificate_;
  base::WorkerPool pool_{"test", 2, 64};
  IoThreads io_{2};
  std::unique_ptr<HttpServer> server_;
  std::string address_;
};

// For both kinds of clients.
class HttpServerTest : public HttpServerBase, public ::testing::WithParamInterface<Wire> {
 protected:
  HttpServerTest() : HttpServerBase(GetParam()) {}
};

inline std::string get(std::string_view path, std::string_view fields = "") {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n";
}

inline std::string post(std::string_view path, std::string_view fields, std::string_view body) {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

}  // namespace vbrain::http::testing
