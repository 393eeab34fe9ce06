#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api-server/errors.hpp"
#include "api-server/jobs/dates.hpp"
#include "job/job.hpp"

namespace vbrain::api {

// What a request for a page of a list asks for (docs/api.md, "Pages of lists").
struct PageRequest {
  static constexpr std::size_t kUsualSize = 100;
  static constexpr std::size_t kMaxSize = 1'000;

  std::size_t size = kUsualSize;
  // The last id that the page before looked at, which may be gone since then. Empty: the first page.
  std::string after;
  bool descending = false;
  bool full = false;  // objects instead of ids
  DateRange dates;
  std::vector<job::Phase> phases;  // empty: any
  std::string created_by;          // empty: anybody
  std::string name;                // part of the name, without regard to the case of ASCII letters; empty: any

  // Whether an object has to be read to know that it is wanted.
  bool has_filter() const { return !phases.empty() || !created_by.empty() || !name.empty(); }
};

// The query parameters of a list. Without any but the dates the answer is the whole list, as the contract has it.
inline constexpr std::array<std::string_view, 9> kJobListParameters{
    "from_date", "to_date", "page_size", "page_token", "order", "view", "created_by", "name", "status"};
// Repositories have no state.
inline constexpr std::array<std::string_view, 8> kRepositoryListParameters{
    "from_date", "to_date", "page_size", "page_token", "order", "view", "created_by", "name"};

enum class ListOf { kJobs, kRepositories };

// Whether the query asks for a page. Pure.
bool asks_for_page(std::string_view query);

// Refuses the first parameter whose value is wrong. Pure.
Result<PageRequest, Refusal> read_page_request(std::string_view query, ListOf list);

// The value of the Link field that leads to the page after this one (RFC 8288): a reference that is relative to the
// request's URI, so it is right behind any proxy. `last`: the last id that this page looked at. Pure.
std::string link_to_next(std::string_view query, std::string_view last);

// Whether `name` contains `part`, without regard to the case of ASCII letters. Pure.
bool name_contains(std::string_view name, std::string_view part);

}  // namespace vbrain::api
