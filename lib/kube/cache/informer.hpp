#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/metrics.hpp"
#include "base/time/clock.hpp"
#include "kube/api/object.hpp"
#include "kube/cache/cache.hpp"
#include "kube/cache/watch_decoder.hpp"
#include "kube/transport/backoff.hpp"
#include "kube/transport/transport.hpp"

namespace vbrain::kube {

struct InformerOptions {
  std::uint32_t page_size = 500;  // halved while answers are too large
  std::chrono::milliseconds min_backoff{800};
  std::chrono::milliseconds max_backoff{30'000};
  std::chrono::seconds min_watch{300};  // timeoutSeconds is a random value between the two
  std::chrono::seconds max_watch{600};
  std::chrono::milliseconds idle_timeout{90'000};
  // A watch that ended sooner than this without an event counts as a failure, so that a server that closes watches at
  // once is not asked in a busy loop.
  std::chrono::milliseconds short_watch{5'000};
  // Waits; false if stop was requested. Tests replace it.
  std::function<bool(std::stop_token, std::chrono::nanoseconds)> sleep = {};
  std::uint32_t seed = 0;  // of the random times; 0: from the system
  // An object that cannot be decoded any more counts as deleted, until a later version can be. Otherwise the Cache
  // keeps the last version that could.
  bool forget_undecodable = false;
};

// List and watch of one kind in one namespace, independent of its type: the part of the Informer that is not a
// template. States (as in kube-rs' watcher): Empty -> Listing -> Watching. A 410 or an unusable watch goes back to
// Empty. After any other end a watch continues at the last resourceVersion. Lists are always consistent reads (no
// resourceVersion), so a restart never shows an older state.
class Reflector {
 public:
  enum class State { kEmpty, kListing, kWatching };

  // The receiver of the objects. Called on the reflector's thread only.
  class Sink {
   public:
    virtual ~Sink() = default;
    // A list begins, or begins again: no object has been seen yet. If `replace_all`, an object of the list replaces a
    // known one of the same resourceVersion: after a restore of etcd the two may differ.
    virtual void list_started(bool replace_all) = 0;
    // An object of the list or the watch; may throw DecodeError.
    virtual void put(const nlohmann::json& object, bool listing) = 0;
    // The newest version of an object of the list or the watch cannot be decoded.
    virtual void undecodable(const std::string& name, bool listing) = 0;
    // The watch says that it was deleted at `version`.
    virtual void erase(const std::string& name, const std::string& version) = 0;
    // The list is complete: objects that were not seen do not exist any more. It shows the state at `version`.
    virtual void list_finished(const std::string& version) = 0;
  };

  Reflector(Transport& transport, const ResourceType& type, std::string ns, std::string label_selector,
            base::Metrics& metrics, InformerOptions options, Sink& sink);

  // Runs until stop is requested. Never throws: an exception of the sink is logged, and the list starts again.
  void run(std::stop_token stop);
  // Requests a new list: it interrupts an open watch or a backoff. Returns the ticket for wait_listed(). Thread-safe.
  std::uint64_t request_list();
  // Waits until a list that began after request_list() is complete. False if `stop` was requested first.
  bool wait_listed(std::uint64_t ticket, std::stop_token stop);
  // When the API server last sent something: a list, an event, a bookmark, or the regular end of a watch. While a watch
  // is open, this is never older than the idle timeout. The epoch: never.
  base::SteadyPoint last_contact() const {
    return base::SteadyPoint(base::SteadyPoint::duration(last_contact_.load(std::memory_order_relaxed)));
  }

 private:
  struct Counters;

  void note_contact();
  std::stop_source begin_round();
  void step(std::stop_token stop);
  void list(std::stop_token stop);
  void watch(std::stop_token stop);
  KubeResult<void> list_pages(std::stop_token stop);
  Request page_request(const std::string& continue_token) const;
  KubeResult<bool> went_back(std::stop_token stop);
  void after_watch(const KubeResult<void>& ended, bool lived, std::stop_token stop);
  std::optional<Error> take_event(const WatchEvent& event);
  std::string take_object(std::string_view text, bool listing);
  void fail(const char* what, const Error& error, std::stop_token stop);
  void pause(std::chrono::milliseconds time, std::stop_token stop);

  Transport& transport_;
  const ResourceType type_;
  const std::string namespace_;
  const std::string label_selector_;
  InformerOptions options_;
  Sink& sink_;
  std::shared_ptr<Counters> counters_;
  Backoff backoff_;
  std::minstd_rand random_;
  std::atomic<State> state_{State::kEmpty};
  std::atomic<base::SteadyPoint::rep> last_contact_{0};
  std::string resource_version_;
  std::uint32_t page_size_;
  bool first_watch_ = true;     // since the list
  bool other_history_ = false;  // etcd was restored from a snapshot: what is known does not count
  bool event_seen_ = false;
  unsigned gone_in_a_row_ = 0;

  std::mutex mutex_;  // of all below
  std::condition_variable_any listed_changed_;
  std::stop_source round_;       // ends the list, watch or pause under way
  std::uint64_t wanted_ = 0;     // tickets given out
  std::uint64_t beginning_ = 0;  // tickets that the list under way serves
  std::uint64_t listed_ = 0;     // tickets served
};

// Keeps a Cache equal to the API server's objects and tells handlers what changed. Handlers run on the informer's own
// thread, one change after another, after the Cache has it; they must be quick (put a key into a queue) and must not
// throw. No change is lost: the next list finds changes that happened without a watch, as one change from the last
// known object to the present one. No change is reported twice: an object with a resourceVersion already in the Cache
// is not reported. Only a list that was requested with request_list(), or that shows that etcd was restored, reports
// all objects, because the same resourceVersion may stand for other content then.
//
// An object that cannot be decoded is logged and counted (vbrain_kube_malformed_objects_total). What the Cache does
// with it is InformerOptions::forget_undecodable. The other objects are not affected.
template <class T>
class Informer final : private Reflector::Sink {
 public:
  using Handler = std::function<void(const Change<T>&)>;

  // The referenced objects must outlive the Informer. `label_selector` as in the API ("a=b,c"); "" selects all.
  Informer(Transport& transport, std::string ns, std::string label_selector, base::Metrics& metrics,
           InformerOptions options = {})
      : forget_undecodable_(options.forget_undecodable),
        reflector_(transport, T::kType, std::move(ns), std::move(label_selector), metrics, std::move(options), *this) {}
  ~Informer() override { stop(); }
  Informer(const Informer&) = delete;
  Informer& operator=(const Informer&) = delete;

  // Call all of these before start().
  void add_handler(Handler handler) { handlers_.push_back(std::move(handler)); }
  // Called around each list, on the thread of the handlers. Between the two calls changes come in the order of names;
  // at all other times in the order of their resourceVersions. `began` may be called again before `ended`, which is
  // called after the last change of the list, with the resourceVersion of which the list shows the state.
  void add_list_handler(std::function<void()> began, std::function<void(const std::string& version)> ended) {
    list_handlers_.emplace_back(std::move(began), std::move(ended));
  }
  void add_index(std::string name, typename Cache<T>::IndexFn values_of) {
    store_.add_index(std::move(name), std::move(values_of));
  }
  void set_packing(typename Cache<T>::Packing packing) { store_.set_packing(std::move(packing)); }

  const Cache<T>& store() const { return store_; }

  // Starts the informer's thread. Call once.
  void start() {
    thread_ = std::jthread([this](std::stop_token stop) { reflector_.run(stop); });
  }
  // Stops and joins. Idempotent. Must not be called from a handler.
  void stop() {
    if (thread_.joinable()) {
      thread_.request_stop();
      thread_.join();
    }
  }

  // A new leader needs caches that are as new as the API server, because the watch may be dead or far behind.
  // request_list() requests a new list, by a consistent read (without resourceVersion). wait_listed() waits until such
  // a list is complete; false if `stop` was requested first. Meanwhile the Cache keeps its objects. The handlers are
  // called for all objects of the list. Thread-safe, but not to be called by a handler.
  std::uint64_t request_list() { return reflector_.request_list(); }
  bool wait_listed(std::uint64_t ticket, std::stop_token stop) { return reflector_.wait_listed(ticket, stop); }

  // The first list is complete. Stays true.
  bool synced() const { return synced_.load(std::memory_order_acquire); }
  // False if stop was requested first.
  bool wait_synced(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    return synced_changed_.wait(lock, stop, [this] { return synced(); });
  }
  base::SteadyPoint last_contact() const { return reflector_.last_contact(); }

 private:
  void list_started(bool replace_all) override {
    seen_.clear();
    replace_all_ = replace_all;
    for (const auto& [began, ended] : list_handlers_) began();
  }

  void put(const nlohmann::json& object, bool listing) override {
    auto now = std::make_shared<const T>(T::decode(object));
    const std::string& name = now->meta.name;
    if (listing) seen_.insert(name);
    const auto old = store_.get(name);
    if (old != nullptr) {
      const bool same = !(listing && replace_all_) && old->meta.resource_version == now->meta.resource_version &&
                        old->meta.uid == now->meta.uid;
      // Within one watch versions only grow, so a smaller one is a repeated old event.
      if (same || (!listing && is_older_version(now->meta.resource_version, old->meta.resource_version))) return;
    }
    store_.put(name, now);
    tell({old, now});
  }

  void undecodable(const std::string& name, bool listing) override {
    if (forget_undecodable_) return remove(name);
    // It exists all the same.
    if (listing) seen_.insert(name);
  }

  void erase(const std::string& name, const std::string& version) override {
    const auto old = store_.get(name);
    if (old != nullptr && !is_older_version(version, old->meta.resource_version)) remove(name);
  }

  void remove(const std::string& name) {
    if (auto old = store_.erase(name)) tell({std::move(old), nullptr});
  }

  void list_finished(const std::string& version) override {
    for (const auto& name : store_.names()) {
      if (!seen_.contains(name)) remove(name);
    }
    seen_ = {};
    for (const auto& [began, ended] : list_handlers_) ended(version);
    {
      const std::lock_guard lock(mutex_);
      synced_.store(true, std::memory_order_release);
    }
    synced_changed_.notify_all();
  }

  void tell(const Change<T>& change) {
    for (const auto& handler : handlers_) handler(change);
  }

  const bool forget_undecodable_;
  Cache<T> store_;
  std::vector<Handler> handlers_;
  std::vector<std::pair<std::function<void()>, std::function<void(const std::string&)>>> list_handlers_;
  std::unordered_set<std::string> seen_;  // in the list under way
  bool replace_all_ = false;              // of the list under way
  std::atomic<bool> synced_{false};
  std::mutex mutex_;
  std::condition_variable_any synced_changed_;
  Reflector reflector_;
  std::jthread thread_;
};

}  // namespace vbrain::kube
