#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "kube/transport/transport.hpp"

namespace vbrain::testing {

// The parts of an API server that clients depend on, in memory and as a Transport: names, UIDs, resourceVersions with
// their preconditions, the status subresource, merge patches, finalizers, pages, watches with history,
// compaction. No schemas and no admission. Thread-safe.
class FakeApiServer final : public kube::Transport {
 public:
  using json = nlohmann::json;
  // Gets every request before it is handled; an error that it returns is the answer. Called without a lock.
  using Before = std::function<std::optional<kube::Error>(const kube::Request&)>;

  void set_before(Before before) {
    const std::lock_guard lock(mutex_);
    before_ = std::move(before);
  }

  // The error that a request gets before it is handled, if any.
  std::optional<kube::Error> ask_before(const kube::Request& request) {
    Before before;
    {
      const std::lock_guard lock(mutex_);
      before = before_;
    }
    return before ? before(request) : std::nullopt;
  }

  kube::KubeResult<kube::Response> call(const kube::Request& request, std::stop_token stop) override {
    if (stop.stop_requested()) return tl::unexpected(kube::cancelled_error());
    if (auto error = ask_before(request)) return tl::unexpected(std::move(*error));
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    auto answer = handle(request);
    if (answer && request.only_metadata) {
      answer->body =
          json{{"kind", "PartialObjectMetadata"}, {"metadata", json::parse(answer->body)["metadata"]}}.dump();
    }
    return answer;
  }

  kube::KubeResult<void> stream(const kube::Request& request, const kube::StreamOptions&, const ChunkSink& sink,
                                std::stop_token stop) override {
    if (auto error = ask_before(request)) return tl::unexpected(std::move(*error));
    std::unique_lock lock(mutex_);
    requests_.push_back(request);
    const Target target = split(request.target);
    std::int64_t seen = std::stoll(target.query.at("resourceVersion"));
    if (seen < compacted_) return tl::unexpected(status_error(410, "Expired", "too old resource version"));
    const auto generation = watch_generation_;
    ++open_watches_;
    changed_.notify_all();
    while (true) {
      const auto pending = [&] { return generation != watch_generation_ || next_entry(target.path, seen) != nullptr; };
      if (!changed_.wait(lock, stop, pending)) return close_watch(tl::unexpected(kube::cancelled_error()));
      // Before the history is used: events that an ended watch has not delivered may be compacted.
      if (generation != watch_generation_) return close_watch(watch_end_);
      const Entry entry = *next_entry(target.path, seen);
      seen = entry.version;
      lock.unlock();
      const bool more = sink(json{{"type", entry.type}, {"object", entry.object}}.dump() + "\n");
      lock.lock();
      if (!more) return close_watch({});
    }
  }

  // Ends all open watches, cleanly or with an error.
  void end_watches(kube::KubeResult<void> how = {}) {
    const std::lock_guard lock(mutex_);
    ++watch_generation_;
    watch_end_ = std::move(how);
    changed_.notify_all();
  }
  // Waits until a watch is open.
  void wait_for_watch() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_watches_ > 0; });
  }
  // Drops the history up to now and ends all watches. A client that has not seen all of it, or continues a paged list,
  // gets 410.
  void compact() {
    const std::lock_guard lock(mutex_);
    compacted_ = version_;
    history_.clear();
    snapshots_.clear();
    ++watch_generation_;
    watch_end_ = {};
    changed_.notify_all();
  }

  // Restores etcd from a snapshot: all later changes are lost, including resourceVersions, and all watches end.
  struct Backup {
    std::map<std::string, json> objects;
    std::int64_t version;
  };
  Backup backup() const {
    const std::lock_guard lock(mutex_);
    return {objects_, version_};
  }
  void restore(const Backup& backup) {
    const std::lock_guard lock(mutex_);
    objects_ = backup.objects;
    version_ = backup.version;
    ++restores_;
    history_.clear();
    snapshots_.clear();
    ++watch_generation_;
    watch_end_ = {};
    changed_.notify_all();
  }

  // The resourceVersion of the last change.
  std::int64_t version() const {
    const std::lock_guard lock(mutex_);
    return version_;
  }
  // How often restore() was called.
  int restores() const {
    const std::lock_guard lock(mutex_);
    return restores_;
  }

  // One change of one object; `object` is as it was after it, or before it was deleted.
  struct Event {
    std::int64_t version;
    std::string type;  // ADDED, MODIFIED, DELETED
    json object;
  };
  // What a watch of `collection` from resourceVersion `version` on would show by now, in order.
  std::vector<Event> events_since(const std::string& collection, std::int64_t version) const {
    const std::lock_guard lock(mutex_);
    std::vector<Event> events;
    for (auto at = std::ranges::upper_bound(history_, version, {}, &Entry::version); at != history_.end(); ++at) {
      if (at->collection == collection) events.push_back({at->version, at->type, at->object});
    }
    return events;
  }
  // The objects of a collection as they are, and the resourceVersion of the list.
  struct Objects {
    std::int64_t version;
    std::vector<json> items;
  };
  Objects objects(const std::string& collection) const {
    const std::lock_guard lock(mutex_);
    Objects all{version_, {}};
    for (auto at = objects_.upper_bound(collection + "/");
         at != objects_.end() && at->first.starts_with(collection + "/"); ++at) {
      all.items.push_back(at->second);
    }
    return all;
  }

  std::vector<kube::Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  std::size_t count(std::string_view method, std::string_view part_of_target = {}) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count_if(requests_, [&](const kube::Request& request) {
      return request.method == method && request.target.find(part_of_target) != std::string::npos;
    }));
  }
  // The object at a path such as "/api/v1/namespaces/a/pods/b"; null if there is none.
  json object(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(path);
    return found == objects_.end() ? json() : found->second;
  }
  // Creates or replaces an object, like another client.
  void put(const std::string& collection, json object) {
    const std::lock_guard lock(mutex_);
    const std::string path = collection + "/" + object["metadata"]["name"].get<std::string>();
    const bool known = objects_.contains(path);
    if (!object["metadata"].contains("uid")) {
      object["metadata"]["uid"] = known ? objects_[path]["metadata"]["uid"].get<std::string>() : next_uid();
    }
    store(collection, path, std::move(object), known ? "MODIFIED" : "ADDED");
  }
  void erase(const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (objects_.contains(path)) erase_locked(path);
  }

 private:
  struct Entry {
    std::int64_t version;
    std::string collection;
    std::string type;
    json object;
  };
  struct Target {
    std::string path;
    std::map<std::string, std::string> query;
  };
  using Answer = kube::KubeResult<kube::Response>;

  static kube::Error status_error(int code, const std::string& reason, const std::string& message) {
    return kube::error_from_response(
        code, json{{"kind", "Status"}, {"code", code}, {"reason", reason}, {"message", message}}.dump());
  }
  static Answer fail(int code, const std::string& reason, const std::string& message) {
    return tl::unexpected(status_error(code, reason, message));
  }
  static Answer give(int status, const json& body) { return kube::Response{.status = status, .body = body.dump()}; }

  static std::string decode(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '%' && i + 2 < text.size()) {
        decoded += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
        i += 2;
      } else {
        decoded += text[i];
      }
    }
    return decoded;
  }
  static Target split(const std::string& target) {
    Target parts;
    const std::size_t mark = target.find('?');
    parts.path = decode(target.substr(0, mark));
    std::size_t at = mark == std::string::npos ? target.size() : mark + 1;
    while (at < target.size()) {
      const std::size_t end = std::min(target.find('&', at), target.size());
      const std::string pair = target.substr(at, end - at);
      const std::size_t equal = pair.find('=');
      parts.query[pair.substr(0, equal)] = equal == std::string::npos ? "" : decode(pair.substr(equal + 1));
      at = end + 1;
    }
    return parts;
  }

  // "/api/v1/namespaces/ns/pods" has 5 parts, "/apis/g/v/namespaces/ns/kind" 6. One more part is an object, two more
  // are a subresource.
  static std::size_t collection_parts(const std::string& path) { return path.starts_with("/apis/") ? 6 : 5; }
  static std::string first_parts(const std::string& path, std::size_t count) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < count && at != std::string::npos; ++i) at = path.find('/', at + 1);
    return path.substr(0, at);
  }

  Answer handle(const kube::Request& request) {
    const Target target = split(request.target);
    const std::string collection = first_parts(target.path, collection_parts(target.path));
    const std::string path = first_parts(target.path, collection_parts(target.path) + 1);
    const std::string subresource = path.size() < target.path.size() ? target.path.substr(path.size() + 1) : "";
    const json body = request.body.empty() ? json::object() : json::parse(request.body);
    if (request.method == "POST") return create(collection, body, target.query.contains("dryRun"));
    if (request.method == "GET" && path == collection) return list(collection, target);
    const auto found = objects_.find(path);
    if (found == objects_.end()) return fail(404, "NotFound", "not found");
    if (request.method == "GET") return give(200, found->second);
    if (request.method == "DELETE") return remove(path, found->second, body);
    json wanted = body;
    if (request.method == "PATCH") {
      wanted = found->second;
      wanted.merge_patch(body);
    }
    return update(collection, path, found->second, std::move(wanted), subresource);
  }

  Answer create(const std::string& collection, json object, bool is_dry_run) {
    json& meta = object["metadata"];
    const std::string path = collection + "/" + meta.value("name", "");
    if (objects_.contains(path)) return fail(409, "AlreadyExists", path + " already exists");
    meta["uid"] = next_uid();
    meta["generation"] = 1;
    meta["creationTimestamp"] = "2026-01-01T00:00:00Z";
    if (is_dry_run) return give(201, object);
    return give(201, store(collection, path, std::move(object), "ADDED"));
  }

  Answer update(const std::string& collection, const std::string& path, const json& old, json wanted,
                const std::string& subresource) {
    const json& old_meta = old["metadata"];
    const std::string version = wanted["metadata"].value("resourceVersion", "");
    if (!version.empty() && version != old_meta["resourceVersion"]) return fail(409, "Conflict", "modified meanwhile");
    const std::string uid = wanted["metadata"].value("uid", "");
    if (!uid.empty() && uid != old_meta["uid"]) return fail(409, "Conflict", "another UID");
    if (subresource == "status") {
      json next = old;
      next["status"] = wanted["status"];
      wanted = std::move(next);
    }
    json& meta = wanted["metadata"];
    for (const char* key : {"uid", "creationTimestamp", "deletionTimestamp", "generation"}) {
      if (old_meta.contains(key)) meta[key] = old_meta[key];
    }
    if (meta.contains("deletionTimestamp") && meta.value("finalizers", json::array()).empty()) {
      erase_locked(path);
      return give(200, wanted);
    }
    return give(200, store(collection, path, std::move(wanted), "MODIFIED"));
  }

  Answer remove(const std::string& path, const json& old, const json& options) {
    const json preconditions = options.value("preconditions", json::object());
    for (const auto& [key, value] : preconditions.items()) {
      if (old["metadata"].value(key, "") != value) return fail(409, "Conflict", key + " differs");
    }
    if (old["metadata"].value("finalizers", json::array()).empty()) {
      erase_locked(path);
    } else if (!old["metadata"].contains("deletionTimestamp")) {
      json next = old;
      next["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:01Z";
      store(first_parts(path, collection_parts(path)), path, std::move(next), "MODIFIED");
    }
    return give(200, {{"kind", "Status"}, {"status", "Success"}});
  }

  static bool selected(const json& object, const std::string& selector) {
    std::size_t at = 0;
    while (at < selector.size()) {
      const std::size_t end = std::min(selector.find(',', at), selector.size());
      const std::string pair = selector.substr(at, end - at);
      const std::size_t equal = pair.find('=');
      const json labels = object["metadata"].value("labels", json::object());
      if (labels.value(pair.substr(0, equal), "") != pair.substr(equal + 1)) return false;
      at = end + 1;
    }
    return true;
  }

  // A selector such as "regarding.uid=x,type=Warning".
  static bool has_fields(const json& object, const std::string& selector) {
    std::size_t at = 0;
    while (at < selector.size()) {
      const std::size_t end = std::min(selector.find(',', at), selector.size());
      const std::string pair = selector.substr(at, end - at);
      const std::size_t equal = pair.find('=');
      std::string pointer = "/" + pair.substr(0, equal);
      std::ranges::replace(pointer, '.', '/');
      if (object.value(json::json_pointer(pointer), "") != pair.substr(equal + 1)) return false;
      at = end + 1;
    }
    return true;
  }

  // All pages show the state of the first page's time; its objects are kept until compaction.
  Answer list(const std::string& collection, const Target& target) {
    const auto query = [&](const char* key) { return target.query.contains(key) ? target.query.at(key) : ""; };
    const std::string limit = query("limit");
    const std::size_t page = limit.empty() ? objects_.size() + 1 : std::stoul(limit);
    const std::string token = query("continue");
    const auto slash = token.find('/');
    const std::int64_t version = token.empty() ? version_ : std::stoll(token.substr(0, slash));
    const std::string after = token.empty() ? "" : token.substr(slash + 1);
    if (!token.empty() && !snapshots_.contains(version)) return fail(410, "Expired", "the continue token is too old");
    const auto& objects = token.empty() ? objects_ : snapshots_.at(version);
    json items = json::array();
    std::string next;
    for (auto at = objects.upper_bound(collection + "/" + after);
         at != objects.end() && at->first.starts_with(collection + "/"); ++at) {
      if (!selected(at->second, query("labelSelector"))) continue;
      if (!has_fields(at->second, query("fieldSelector"))) continue;
      if (items.size() == page) {
        next = std::to_string(version) + "/" + items.back()["metadata"]["name"].get<std::string>();
        break;
      }
      items.push_back(at->second);
    }
    json meta = {{"resourceVersion", std::to_string(version)}};
    if (!next.empty()) {
      meta["continue"] = next;
      if (token.empty()) snapshots_[version] = objects_;
    }
    return give(200, {{"items", items}, {"metadata", meta}});
  }

  json store(const std::string& collection, const std::string& path, json object, const std::string& type) {
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    objects_[path] = object;
    history_.push_back({version_, collection, type, object});
    changed_.notify_all();
    return object;
  }
  void erase_locked(const std::string& path) {
    json object = std::move(objects_.at(path));
    objects_.erase(path);
    object["metadata"]["resourceVersion"] = std::to_string(++version_);
    history_.push_back({version_, first_parts(path, collection_parts(path)), "DELETED", std::move(object)});
    changed_.notify_all();
  }
  const Entry* next_entry(const std::string& collection, std::int64_t seen) const {
    const auto found = std::ranges::find_if(
        history_, [&](const Entry& entry) { return entry.version > seen && entry.collection == collection; });
    return found == history_.end() ? nullptr : &*found;
  }
  kube::KubeResult<void> close_watch(kube::KubeResult<void> how) {
    --open_watches_;
    return how;
  }
  std::string next_uid() { return "uid-" + std::to_string(++uids_); }

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  Before before_;
  std::map<std::string, json> objects_;
  std::map<std::int64_t, std::map<std::string, json>> snapshots_;
  std::vector<Entry> history_;
  std::vector<kube::Request> requests_;
  std::int64_t version_ = 100;
  std::int64_t compacted_ = 0;
  int restores_ = 0;
  std::int64_t uids_ = 0;
  std::uint64_t watch_generation_ = 0;
  std::size_t open_watches_ = 0;
  kube::KubeResult<void> watch_end_;
};

}  // namespace vbrain::testing
