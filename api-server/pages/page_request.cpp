#include "api-server/pages/page_request.hpp"

#include <algorithm>
#include <charconv>

#include "api-server/routes/router.hpp"
#include "artifacts/store/layout.hpp"
#include "base/text/percent.hpp"

namespace vbrain::api {
namespace {

using Value = Result<std::optional<std::string>, Refusal>;
using Problems = std::optional<Refusal>;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

std::optional<job::Phase> phase_of(std::string_view text) {
  for (const job::Phase phase :
       {job::Phase::kQueued, job::Phase::kStarted, job::Phase::kFinished, job::Phase::kFailed}) {
    if (job::rest_state(phase) == text) return phase;
  }
  return std::nullopt;
}

Refusal invalid(std::string_view parameter, std::string detail) {
  return {.problem = Problem::kInvalid, .subject = std::string(parameter), .detail = std::move(detail)};
}

Problems take_size(PageRequest& page, const std::string& text) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, page.size);
  if (error != std::errc() || stop != end || page.size < 1 || page.size > PageRequest::kMaxSize) {
    return invalid("page_size", "a number from 1 to " + std::to_string(PageRequest::kMaxSize));
  }
  return std::nullopt;
}

Problems take_statuses(PageRequest& page, std::string_view text) {
  for (bool more = true; more;) {
    const std::size_t comma = text.find(',');
    const auto phase = phase_of(text.substr(0, comma));
    if (!phase) return invalid("status", "queued, started, finished or failed, or several with commas between them");
    page.phases.push_back(*phase);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
  }
  return std::nullopt;
}

Problems take_one_of_two(bool& second, std::string_view parameter, std::string_view text, std::string_view first_value,
                         std::string_view second_value) {
  second = text == second_value;
  if (second || text == first_value) return std::nullopt;
  return invalid(parameter, std::string(first_value) + " or " + std::string(second_value));
}

Problems take(PageRequest& page, std::string_view parameter, const std::string& text, ListOf list) {
  if (parameter == "page_size") return take_size(page, text);
  if (parameter == "status") return take_statuses(page, text);
  if (parameter == "order") return take_one_of_two(page.descending, parameter, text, "asc", "desc");
  if (parameter == "view") return take_one_of_two(page.full, parameter, text, "ids", "full");
  // The first page, as generic clients ask for it (https://google.aip.dev/158).
  if (parameter == "page_token" && text.empty()) return std::nullopt;
  if (text.empty()) return invalid(parameter, "it is empty; leave it out to get all");
  if (parameter == "created_by") page.created_by = text;
  if (parameter == "name") page.name = text;
  if (parameter == "page_token") {
    const bool is_id = list == ListOf::kJobs ? artifacts::is_job_folder_name(text) : artifacts::is_repository_id(text);
    if (!is_id) return invalid(parameter, "take it from the Link of the page before");
    page.after = text;
  }
  return std::nullopt;
}

bool is_date(std::string_view parameter) {
  return parameter == "from_date" || parameter == "to_date";
}

std::string_view name_of(std::string_view pair) {
  return pair.substr(0, pair.find('='));
}

}  // namespace

bool asks_for_page(std::string_view query) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::string_view name = name_of(pair);
    if (!is_date(name) && std::ranges::find(kJobListParameters, name) != kJobListParameters.end()) return true;
  }
  return false;
}

Result<PageRequest, Refusal> read_page_request(std::string_view query, ListOf list) {
  PageRequest page;
  auto dates = read_date_range(query);
  if (!dates) return Unexpected<Refusal>(std::move(dates.error()));
  page.dates = *dates;
  for (const std::string_view parameter : kJobListParameters) {
    if (is_date(parameter)) continue;
    auto value = query_parameter(query, parameter);
    if (!value) return Unexpected<Refusal>(std::move(value.error()));
    if (!*value) continue;
    if (auto problem = take(page, parameter, **value, list)) return Unexpected<Refusal>(std::move(*problem));
  }
  return page;
}

std::string link_to_next(std::string_view query, std::string_view last) {
  std::string target = "?";
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (pair.empty() || name_of(pair) == "page_token") continue;
    // What is no plain character of a query is encoded anew, so that the field is well-formed whatever was sent.
    const std::size_t equals = pair.find('=');
    target += base::percent_encode(base::percent_decode(name_of(pair)).value_or(""));
    if (equals != std::string_view::npos) {
      target += '=';
      target += base::percent_encode(base::percent_decode(pair.substr(equals + 1), base::Plus::kSpace).value_or(""));
    }
    target += '&';
  }
  return "<" + target + "page_token=" + std::string(last) + ">; rel=\"next\"";
}

bool name_contains(std::string_view name, std::string_view part) {
  return !std::ranges::search(name, part, {}, lower, lower).empty() || part.empty();
}

}  // namespace vbrain::api
