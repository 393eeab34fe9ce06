#include "api-server/commands/check.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <csignal>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string_view>

#include "base/options.hpp"
#include "http/tls/fetch.hpp"

namespace vbrain::api {
namespace {

constexpr std::chrono::seconds kPatience(10);
constexpr std::string_view kHttps = "https://";
constexpr std::size_t kShown = 300;  // bytes of an answer's body

struct Answer {
  int status = 0;  // 0: there was none, and `body` says why
  std::string body;
};

// HTTP/1.0: the server closes the connection at the end of the body, so there are no chunks.
std::string request_for(const std::string& address, const std::string& path) {
  return "GET " + path + " HTTP/1.0\r\nHost: " + address + "\r\nConnection: close\r\n\r\n";
}

// Reads an answer of which nothing is left out.
bool read_answer(std::istream& stream, Answer& answer) {
  std::string version;
  if (!(stream >> version >> answer.status)) return false;
  for (std::string line; std::getline(stream, line) && line != "\r";) {
  }
  answer.body.assign(std::istreambuf_iterator<char>(stream), {});
  answer.body.resize(std::min(answer.body.size(), kShown));
  return true;
}

Answer ask_by_tls(const std::string& address, const std::string& path) {
  const auto bytes = http::fetch_by_tls(address, request_for(address, path), kPatience);
  if (!bytes) return {.status = 0, .body = bytes.error()};
  std::istringstream stream(*bytes);
  Answer answer;
  return read_answer(stream, answer) ? answer : Answer{.status = 0, .body = "the answer is not HTTP"};
}

Answer ask(const std::string& address, const std::string& path) {
  if (address.starts_with(kHttps)) return ask_by_tls(address.substr(kHttps.size()), path);
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) return {.status = 0, .body = "'" + address + "' is not host:port"};
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::asio::ip::tcp::iostream stream;
  stream.expires_after(kPatience);
  stream.connect(host, address.substr(colon + 1));
  stream << request_for(address, path) << std::flush;
  Answer answer;
  if (!read_answer(stream, answer)) return {.status = 0, .body = stream.error().message()};
  return answer;
}

bool report(std::ostream& out, const std::string& what, const Answer& answer, bool good) {
  out << (good ? "ok     " : "FAILED ") << what << ": ";
  if (answer.status != 0) out << answer.status << " ";
  out << answer.body << "\n";
  return good;
}

}  // namespace

bool check_server(const std::string& rest, const std::string& health, std::ostream& out) {
  const Answer jobs = ask(rest, "/api/v1/job");
  const bool rest_is_ours = jobs.status == 400 && jobs.body.find("\"error\"") != std::string::npos;
  const bool rest_good = report(out, "REST at " + rest, jobs, rest_is_ours);
  const Answer ready = ask(health, "/readyz");
  return report(out, "health at " + health, ready, ready.status == 200) && rest_good;
}

int run_check(int argc, const char* const* argv) {
  CLI::App app("Checks that an api-server answers, from where this command runs", "api-server check");
  std::string rest;
  std::string health;
  app.add_option("--rest", rest, "host:port of the REST API; https://host:port if it has a TLS certificate")
      ->required();
  app.add_option("--health", health, "host:port of /readyz")->required();
  const base::OptionsOutcome outcome = base::read_options(app, argc, argv);
  if (!outcome.proceed) return outcome.exit_code;
  // OpenSSL writes to a connection that the server has closed, and the reader of the report may have gone.
  std::signal(SIGPIPE, SIG_IGN);
  return check_server(rest, health, std::cout) ? 0 : 1;
}

}  // namespace vbrain::api
