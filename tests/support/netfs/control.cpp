#include "support/netfs/control.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace vbrain::netfs {
namespace {

const std::string kMalformed = "error: malformed command";

std::string set_memory(Client& client, std::istringstream& words) {
  Memory memory;
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    const std::string name = word.substr(0, equals);
    std::istringstream number(equals == word.npos ? "" : word.substr(equals + 1));
    long milliseconds = -1;
    if (!(number >> milliseconds) || milliseconds < 0) return kMalformed;
    auto* const field = name == "names"        ? &memory.names
                        : name == "attributes" ? &memory.attributes
                        : name == "lists"      ? &memory.lists
                                               : nullptr;
    if (field == nullptr) return kMalformed;
    *field = std::chrono::milliseconds(milliseconds);
  }
  client.nodes.refresh();
  client.nodes.set_memory(memory);
  return "ok";
}

std::string set_silly_rename(Client& client, std::istringstream& words) {
  std::string value;
  words >> value;
  if (value != "on" && value != "off") return kMalformed;
  client.silly_rename = value == "on";
  return "ok";
}

std::string on_rule(Client& client, const std::string& name, std::istringstream& words) {
  int number = 0;
  if (!(words >> number)) return kMalformed;
  if (name == "remove") return client.faults.remove(number) ? "ok" : "error: no such rule";
  const auto hits = client.faults.hits(number);
  return hits ? "ok " + std::to_string(*hits) : "error: no such rule";
}

std::string read_line(int connection) {
  std::string line;
  char block[512];
  while (line.find('\n') == line.npos) {
    const ssize_t got = read(connection, block, sizeof block);
    if (got <= 0) break;
    line.append(block, static_cast<std::size_t>(got));
  }
  return line.substr(0, line.find('\n'));
}

}  // namespace

std::string execute(Client& client, const std::string& command) {
  std::istringstream words(command);
  std::string name;
  words >> name;
  if (name == "add") {
    std::string line;
    std::getline(words, line);
    auto rule = parse_rule(line);
    return rule ? "ok " + std::to_string(client.faults.add(std::move(*rule))) : "error: malformed rule";
  }
  if (name == "remove" || name == "hits") return on_rule(client, name, words);
  if (name == "waiting") return "ok " + std::to_string(client.faults.waiting());
  if (name == "memory") return set_memory(client, words);
  if (name == "silly-rename") return set_silly_rename(client, words);
  if (name == "clear") {
    client.faults.clear();
    return "ok";
  }
  if (name == "refresh") {
    client.nodes.refresh();
    return "ok";
  }
  return name == "end" ? "ok" : kMalformed;
}

int listen_control(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw std::runtime_error("the control socket's path is too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      chmod(path.c_str(), 0666) != 0 || listen(listener, 64) != 0) {
    throw std::system_error(errno, std::generic_category(), "listen on " + path);
  }
  return listener;
}

void serve_control(int listener, Client& client, const std::function<void()>& end) {
  while (true) {
    const base::Fd connection(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection) continue;
    const std::string command = read_line(connection.get());
    const std::string answer = execute(client, command) + "\n";
    static_cast<void>(send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL));
    if (command == "end") end();
  }
}

}  // namespace vbrain::netfs
