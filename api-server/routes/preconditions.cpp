#include "api-server/routes/preconditions.hpp"

#include <algorithm>

#include "api-server/transfer/download.hpp"

namespace vbrain::api {
namespace {

// Without its quotation marks; empty: none.
std::string_view etag_of(const http::Reply& reply) {
  for (const auto& [name, value] : reply.headers) {
    if (name == "ETag" && value.size() > 2) return std::string_view(value).substr(1, value.size() - 2);
  }
  return {};
}

std::optional<Refusal> refuse_other_version(const http::RequestHead& head, std::string_view etag) {
  const auto wanted = head.find("if-match");
  if (!wanted || names_etag(*wanted, etag, Comparison::kStrong)) return std::nullopt;
  return Refusal{.problem = Problem::kPrecondition, .detail = "If-Match names another version than the present one"};
}

// Of a deletion.
std::optional<Refusal> refuse_version(const http::RequestHead& head, std::string_view etag) {
  const auto unwanted = head.find("if-none-match");
  if (unwanted && names_etag(*unwanted, etag, Comparison::kWeak)) {
    return Refusal{.problem = Problem::kPrecondition, .detail = "If-None-Match names the present version"};
  }
  return refuse_other_version(head, etag);
}

}  // namespace

std::optional<Refusal> check_if_match(const http::RequestHead& head, const http::Reply& reply) {
  const bool reads = head.method == http::Method::kGet || head.method == http::Method::kHead;
  const bool would_be_served = reply.status < 300 || reply.status == 304 || reply.status == 416;
  return reads && would_be_served ? refuse_other_version(head, etag_of(reply)) : std::nullopt;
}

http::Task<std::optional<Refusal>> check_before_deletion(Call& call, const Route& deletion) {
  const http::RequestHead& head = call.exchange.head;
  if (!head.find("if-none-match") && !head.find("if-match")) co_return std::nullopt;
  const auto all = routes();
  const auto read = std::ranges::find_if(all, [&](const Route& route) {
    const bool reads = route.pattern.method == http::Method::kGet || route.pattern.method == http::Method::kHead;
    return reads && route.pattern.path == deletion.pattern.path;
  });
  if (read == all.end()) co_return std::nullopt;
  const Answer present = co_await read->handler(call);
  if (!present) co_return present.error();
  co_return refuse_version(head, etag_of(*present));
}

std::optional<Refusal> refuse_without_version(const http::RequestHead& head) {
  return refuse_version(head, {});
}

}  // namespace vbrain::api
