#include "http/server.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_set>

#include "base/log/log.hpp"
#include "base/metrics.hpp"
#include "base/threads/scheduling.hpp"
#include "http/connection/connection.hpp"
#include "http/message/date.hpp"
#include "http/source.hpp"
#include "http/tls/handshakes.hpp"

namespace vbrain::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;

// A connection with TLS that is one too many needs a handshake before it can be told so. Beyond this number they are
// closed without a word.
constexpr std::size_t kMostTurnedAway = 32;

constexpr std::string_view kTooManyOfAddress =
    "your address has as many open connections as it may (--max-connections-per-address); close some or use them "
    "again, "
    "and come back after the time in Retry-After";

tcp::endpoint parse_address(const std::string& address) {
  const auto colon = address.rfind(':');
  if (colon == std::string::npos) throw std::runtime_error("address '" + address + "' is not host:port");
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty()) host = "0.0.0.0";
  error_code error;
  const auto ip = asio::ip::make_address(host, error);
  const std::string port = address.substr(colon + 1);
  const bool digits =
      !port.empty() && port.size() <= 5 && std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
  if (error || !digits || std::stoul(port) > 65535) {
    throw std::runtime_error("address '" + address + "' is not an IP address and a port");
  }
  return {ip, static_cast<unsigned short>(std::stoul(port))};
}

Acceptor listen_on(const std::string& address, asio::io_context& context) {
  const tcp::endpoint endpoint = parse_address(address);
  try {
    Acceptor acceptor(context.get_executor());
    acceptor.open(endpoint.protocol());
    acceptor.set_option(asio::socket_base::reuse_address(true));
    acceptor.bind(endpoint);
    acceptor.listen(asio::socket_base::max_listen_connections);
    return acceptor;
  } catch (const boost::system::system_error& problem) {
    throw std::runtime_error("cannot listen on " + address + ": " + problem.code().message());
  }
}

}  // namespace

struct IoThreads::Loop {
  asio::io_context context{1};
  asio::executor_work_guard<Executor> work{context.get_executor()};
  std::thread thread;
  std::atomic<bool> answered{true};        // the last task posted by unresponsive_for()
  steady_clock::time_point asked_at = {};  // when it was posted
};

IoThreads::IoThreads(std::size_t threads) {
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i) {
    Loop& loop = *loops_.emplace_back(std::make_unique<Loop>());
    loop.thread = std::thread([&loop] {
      pthread_setname_np(pthread_self(), "io");
      base::apply({.turn = std::chrono::microseconds(100)});
      loop.context.run();
    });
  }
}

IoThreads::~IoThreads() {
  stop();
}

void IoThreads::stop() {
  for (auto& loop : loops_) {
    loop->work.reset();
    loop->context.stop();
  }
  for (auto& loop : loops_) {
    if (loop->thread.joinable()) loop->thread.join();
  }
}

boost::asio::io_context& IoThreads::next() {
  return loops_[turn_.fetch_add(1, std::memory_order_relaxed) % loops_.size()]->context;
}

steady_clock::duration IoThreads::unresponsive_for() {
  steady_clock::duration longest{0};
  const auto now = steady_clock::now();
  for (auto& loop : loops_) {
    if (!loop->answered) {
      longest = std::max(longest, now - loop->asked_at);
      continue;
    }
    loop->answered = false;
    loop->asked_at = now;
    asio::post(loop->context, [&answered = loop->answered] { answered = true; });
  }
  return longest;
}

std::size_t IoThreads::size() const {
  return loops_.size();
}

struct HttpServer::State {
  // The connections of one I/O thread; used by that thread only.
  struct Group {
    explicit Group(asio::io_context& context) : io(context), tick(context.get_executor()) {}
    asio::io_context& io;
    Timer tick;
    std::unordered_set<Connection*> members;
  };

  State(const std::string& address, IoThreads& io) : home(io.next()), acceptor(listen_on(address, home)) {
    bound = acceptor.local_endpoint();
    for (std::size_t i = 0; i < io.size(); ++i) groups.push_back(std::make_unique<Group>(io.next()));
  }

  Task<void> accept_loop();
  Task<void> serve(Group& group, Socket socket, std::string peer, bool admitted, std::uint64_t source);
  Task<void> watch_deadlines(Group& group);
  void turn_away(Socket& socket, const RefusedRequest& refused);

  // Posts `action` for every group to the group's own thread.
  template <class F>
  void on_groups(F action) {
    for (auto& group : groups) post(group->io, [&group = *group, action] { action(group); });
  }

  // Counted in `running`, so that ~HttpServer() waits until the action has run: it uses this object.
  template <class F>
  void post(asio::io_context& io, F action) {
    enter();
    asio::post(io, [this, action] {
      action();
      leave();
    });
  }

  bool wait_until_empty(milliseconds patience) {
    std::unique_lock lock(mutex);
    return empty.wait_for(lock, patience, [this] { return running == 0; });
  }

  void enter() {
    const std::lock_guard lock(mutex);
    ++running;
  }
  void leave() {
    const std::lock_guard lock(mutex);
    if (--running == 0) empty.notify_all();
  }

  ConnectionContext context;
  asio::io_context& home;
  Acceptor acceptor;
  tcp::endpoint bound;
  std::vector<std::unique_ptr<Group>> groups;
  prometheus::Gauge* open_gauge = nullptr;
  prometheus::Counter* over_address = nullptr;  // connections of sources that had as many as they may
  std::optional<SourceCounts> sources;
  std::optional<Handshakes> handshakes;  // with TLS
  std::atomic<std::size_t> open{0};
  std::atomic<std::size_t> turned_away{0};  // connections with TLS beyond the limit that are being told so
  std::mutex mutex;
  std::condition_variable empty;
  std::size_t running = 0;  // connections, the acceptor, the watchers, posted actions
};

namespace {

// Takes a coroutine out of `running` when it ends, also by an exception.
template <class State>
struct Membership {
  explicit Membership(State& s) : state(s) {}
  ~Membership() { state.leave(); }
  Membership(const Membership&) = delete;
  State& state;
};

}  // namespace

Task<void> HttpServer::State::accept_loop() {
  const Membership<State> membership(*this);
  for (std::size_t turn = 0; !context.draining; ++turn) {
    Group& group = *groups[turn % groups.size()];
    Socket socket(group.io.get_executor());
    error_code error;
    tcp::endpoint remote;
    co_await acceptor.async_accept(socket, remote, asio::redirect_error(kAwait, error));
    if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) break;
    if (error) {
      // Most likely there are no descriptors left. Clients wait in the kernel's queue meanwhile.
      base::log_warning("accept failed", {{"error", error.message()}});
      Timer pause(home.get_executor(), milliseconds(100));
      co_await pause.async_wait(asio::redirect_error(kAwait, error));
      continue;
    }
    // Made once: requests need it for their audit lines and for the limit of wrong keys, when the client may have gone.
    std::string peer = remote.address().to_string();
    const std::uint64_t source = sources->limits() ? source_of(peer) : 0;
    if (!sources->enter(source)) {
      over_address->Increment();
      // A handshake costs more than a connection.
      if (!handshakes) {
        turn_away(socket, {.status = 429,
                           .detail = kTooManyOfAddress,
                           .peer = peer,
                           .connections_of_source = context.options.max_connections_per_address});
      }
      continue;
    }
    const bool admitted = open.load() < context.options.max_connections;
    if (!admitted && !handshakes) {
      turn_away(socket, {.status = 503, .detail = "too many connections", .peer = peer});
      sources->leave(source);
      continue;
    }
    if (!admitted && turned_away.load() >= kMostTurnedAway) {
      context.refused->Increment();
      sources->leave(source);
      continue;
    }
    if (admitted) {
      open_gauge->Set(static_cast<double>(++open));
    } else {
      ++turned_away;
    }
    enter();
    asio::co_spawn(group.io.get_executor(), serve(group, std::move(socket), std::move(peer), admitted, source),
                   asio::detached);
  }
  error_code ignored;
  acceptor.close(ignored);
}

Task<void> HttpServer::State::serve(Group& group, Socket socket, std::string peer, bool admitted,
                                    std::uint64_t source) {
  const Membership<State> membership(*this);
  Connection connection(std::move(socket), std::move(peer), context);
  group.members.insert(&connection);
  try {
    if (admitted) {
      co_await connection.run();
    } else {
      co_await connection.turn_away();
    }
  } catch (const std::exception& problem) {
    base::log_error("connection failed", {{"error", problem.what()}});
  }
  group.members.erase(&connection);
  sources->leave(source);
  if (context.draining && group.members.empty()) group.tick.cancel();
  if (admitted) {
    open_gauge->Set(static_cast<double>(--open));
  } else {
    --turned_away;
  }
}

// One timer per thread checks all connections, which is cheaper than one timer per step of each connection.
Task<void> HttpServer::State::watch_deadlines(Group& group) {
  const Membership<State> membership(*this);
  const HttpOptions& options = context.options;
  milliseconds shortest = std::min({options.header_timeout, options.body_timeout, options.idle_timeout});
  if (options.connection_lifetime > milliseconds(0)) shortest = std::min(shortest, options.connection_lifetime);
  const milliseconds period = std::clamp(shortest / 4, milliseconds(10), milliseconds(500));
  error_code error;
  for (;;) {
    group.tick.expires_after(period);
    co_await group.tick.async_wait(asio::redirect_error(kAwait, error));
    const auto now = steady_clock::now();
    for (Connection* connection : group.members) connection->check_deadline(now);
    if (context.draining && group.members.empty()) break;
  }
}

void HttpServer::State::turn_away(Socket& socket, const RefusedRequest& refused) {
  context.refused->Increment();
  const Reply reply = context.refuse(refused);
  const std::string text = render_head(reply, http_date_now(), false) + std::get<std::string>(reply.body);
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(text), ignored);
  socket.shutdown(tcp::socket::shutdown_both, ignored);
}

HttpServer::HttpServer(std::string name, const std::string& address, const HttpOptions& options, Handler handler,
                       RefusalWriter refuse, IoThreads& io, base::WorkerPool* file_pool, base::Metrics& metrics)
    : state_(std::make_unique<State>(address, io)) {
  ConnectionContext& context = state_->context;
  context.options = options;
  context.handler = std::move(handler);
  context.refuse = std::move(refuse);
  context.file_pool = file_pool;
  context.refused =
      &metrics.counter("vbrain_http_refused_total",
                       "Requests the listener itself refused: malformed, too large, overload.", {{"listener", name}});
  context.cut =
      &metrics.counter("vbrain_http_connections_cut_total", "Connections ended by a timer.", {{"listener", name}});
  context.streams_gauge = &metrics.gauge("vbrain_http_streams", "Streams under way.", {{"listener", name}});
  context.streamed_bytes =
      &metrics.counter("vbrain_http_stream_bytes_total", "Bytes of streams given to clients.", {{"listener", name}});
  if (options.certificates != nullptr) context.handshakes = &state_->handshakes.emplace(metrics, name);
  state_->sources.emplace(options.max_connections_per_address);
  state_->over_address =
      &metrics.counter("vbrain_http_address_limit_total",
                       "Connections refused because their address had as many as it may (max-connections-per-address).",
                       {{"listener", name}});
  state_->open_gauge = &metrics.gauge("vbrain_http_connections", "Open connections.", {{"listener", name}});
  state_->running = 1 + state_->groups.size();
  for (auto& group : state_->groups) {
    asio::co_spawn(group->io.get_executor(), state_->watch_deadlines(*group), asio::detached);
  }
  asio::co_spawn(state_->home.get_executor(), state_->accept_loop(), asio::detached);
}

HttpServer::~HttpServer() {
  drain(milliseconds(0));
  // Handlers use objects that the owner destroys after the server.
  state_->wait_until_empty(std::chrono::hours(24));
}

std::string HttpServer::address() const {
  const auto& ip = state_->bound.address();
  const std::string host = ip.is_v6() ? "[" + ip.to_string() + "]" : ip.to_string();
  return host + ":" + std::to_string(state_->bound.port());
}

std::size_t HttpServer::connections() const {
  return state_->open.load();
}

bool HttpServer::idle() const {
  const std::lock_guard lock(state_->mutex);
  return state_->running == 0;
}

bool HttpServer::drain(milliseconds grace) {
  state_->context.draining = true;
  state_->post(state_->home, [state = state_.get()] {
    error_code ignored;
    state->acceptor.close(ignored);
  });
  state_->on_groups([](State::Group& group) {
    for (Connection* connection : group.members) connection->drain();
    if (group.members.empty()) group.tick.cancel();
  });
  if (state_->wait_until_empty(grace)) return true;
  state_->on_groups([](State::Group& group) {
    for (Connection* connection : group.members) connection->cut();
  });
  state_->wait_until_empty(milliseconds(1000));
  return false;
}

}  // namespace vbrain::http
