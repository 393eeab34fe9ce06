#include "api-server/request_context.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>
#include <utility>

#include "api-server/auth/hide_secrets.hpp"
#include "base/text/traceparent.hpp"
#include "http/message/grammar.hpp"
#include "job/names.hpp"

namespace vbrain::api {
namespace {

constexpr std::size_t kMaxRequestId = 128;
constexpr std::string_view kMarks = "-_.:/+=@,";

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxRequestId && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

// The value of a field that is there once; else empty.
std::string_view only(const http::RequestHead& head, std::string_view name) {
  std::string_view value;
  for (const http::HeaderField& field : head.fields) {
    if (!http::equal_ignoring_case(field.name, name)) continue;
    if (!value.empty()) return {};
    value = http::trim(field.value);
  }
  return value;
}

// A UUID that is unique, but that a client could guess: it gives no right. A job's id asks the operating system for its
// random bits, which would be felt at tens of thousands of requests per second.
std::string new_request_id(base::TimePoint now) {
  thread_local std::mt19937_64 random = [] {
    std::random_device device;
    std::seed_seq seed{device(), device(), device(), device()};
    return std::mt19937_64(seed);
  }();
  const std::array<std::uint64_t, 2> bits{random(), random()};
  return job::make_job_id(now, {reinterpret_cast<const char*>(bits.data()), sizeof bits});
}

}  // namespace

RequestContext read_context(const http::RequestHead& head, base::TimePoint now) {
  const std::string_view id = only(head, "x-request-id");
  std::string trace = base::to_traceparent_00(only(head, "traceparent"));
  const bool taken = is_request_id(id) && hide_secrets(id) == id;  // it stands in the log
  return {.ids = {.request_id = taken ? std::string(id) : new_request_id(now),
                  .trace_id = std::string(base::trace_id_of(trace))},
          .traceparent = std::move(trace)};
}

}  // namespace vbrain::api
