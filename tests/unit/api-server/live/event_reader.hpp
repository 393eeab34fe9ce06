#pragma once

#include <deque>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "unit/api-server/world.hpp"

namespace vbrain::api::testing {

// One event as a client of EventSource dispatches it (WHATWG HTML section 9.2.6).
struct Event {
  std::string type;
  std::string id;  // the last event id after it
  nlohmann::json data;
};

// A client of a stream of events. Every wait is at most 10 s.
class EventReader {
 public:
  EventReader(World& world, const std::string& path, const std::string& last_event_id = "",
              const std::string& username = "ana", const Headers& more = {}, int receive_buffer = 0)
      : client_(world.server->address(), receive_buffer), last_id_(last_event_id) {
    std::string text = "GET " + path + " HTTP/1.1\r\nHost: x\r\n";
    for (const auto& [name, value] : World::identity(username)) text += name + ": " + value + "\r\n";
    for (const auto& [name, value] : more) text += name + ": " + value + "\r\n";
    if (!last_event_id.empty()) text += "Last-Event-ID: " + last_event_id + "\r\n";
    client_.send(text + "\r\n");
    head_ = client_.read_until("\r\n\r\n");
  }

  const std::string& head() const { return head_; }
  int status() const { return status_of(head_); }
  const std::string& last_id() const { return last_id_; }
  RawClient& client() { return client_; }

  // The next event; its type is empty if the stream has ended or nothing came.
  Event next() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (events_.empty()) {
      if (!take_chunk() || std::chrono::steady_clock::now() > end) return {};
    }
    Event event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

  // Whether the stream ends with the end of its body, and without another event.
  bool ends() { return next().type.empty() && ended_; }
  // Waits for a sign that the connection lives. False if an event comes.
  bool beats() {
    const std::size_t before = beats_;
    while (beats_ == before && events_.empty()) {
      if (!take_chunk()) return false;
    }
    return beats_ > before;
  }
  bool has_more() const { return !events_.empty() || client_.is_readable(); }
  int retry() const { return retry_; }

 private:
  bool take_chunk() {
    const std::string size = client_.read_until("\r\n");
    if (size.empty()) return false;
    if (size == "0\r\n") {
      ended_ = client_.read_until("\r\n") == "\r\n";
      return false;
    }
    // No event has a CR.
    std::string chunk = client_.read_until("\n\n\r\n");
    if (chunk.empty()) return false;
    chunk.resize(chunk.size() - 2);
    parse(chunk);
    return true;
  }

  void parse(const std::string& chunk) {
    std::istringstream lines(chunk);
    std::string line;
    std::string type;
    std::string data;
    while (std::getline(lines, line)) {
      if (line.starts_with("id: ")) last_id_ = line.substr(4);
      if (line == "id:") last_id_.clear();
      if (line.starts_with("event: ")) type = line.substr(7);
      if (line.starts_with("data: ")) data = line.substr(6);
      if (line.starts_with("retry: ")) retry_ = std::stoi(line.substr(7));
      if (line == ":") ++beats_;
      if (!line.empty()) continue;
      if (!data.empty()) events_.push_back({type, last_id_, nlohmann::json::parse(data)});
      type.clear();
      data.clear();
    }
  }

  RawClient client_;
  std::string head_;
  std::string last_id_;
  std::deque<Event> events_;
  std::size_t beats_ = 0;
  int retry_ = 0;
  bool ended_ = false;
};

}  // namespace vbrain::api::testing
