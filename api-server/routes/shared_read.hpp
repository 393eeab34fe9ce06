#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "api-server/answers/shared_answer.hpp"
#include "api-server/answers/shared_reads.hpp"
#include "api-server/errors.hpp"
#include "api-server/lists/lists.hpp"
#include "api-server/pages/page.hpp"
#include "api-server/routes/call.hpp"

namespace vbrain::api {

// The key of SharedReads for a request: all that its answer depends on, for any user of the tenant who may read it.
// `what` names the endpoint and form. Names and ids hold no line break.
std::string key_of_read(std::string_view what, const Call& call);

// The key of the reading of a list.
std::string key_of_list(const Call& call, const std::string& repository_id);
// The key of the answers to requests for `key` that have the same reading of a list.
std::string key_with_list(const std::string& key, const KnownList& list);

// The answer that `read(known)` makes (see KnownList), shared with other requests for `key`. What takes long about
// lists is done on list_workers, by one thread for all requests that wait for the same list. They wait without a
// thread.
template <class F>
http::Task<std::shared_ptr<const SharedAnswer>> read_with_list(const Call& call, const std::string& key, F& read) {
  const Services& services = call.services;
  const auto read_at_once = [&] { return read(nullptr); };
  auto answer = co_await services.reads.get(services.volume_workers, key, read_at_once);
  while (answer->missing_list) {
    const std::string repository_id = *answer->missing_list;
    const auto read_names = [&] { return read_list(services, call.caller.tenant, repository_id); };
    const std::string list_key = key_of_list(call, repository_id);
    const auto list = co_await services.reads.get(services.list_workers, list_key, read_names);
    const auto read_with = [&] { return read(list.get()); };
    const std::string key_with = key_with_list(key, *list);
    // A list without room in memory is written into a file, as archives are.
    const base::Lane pool = list->listed.too_large ? services.bulk_workers : services.volume_workers;
    auto next = co_await services.reads.get(pool, key_with, read_with);
    answer = std::move(next);
  }
  co_return answer;
}

// The answer with a page of a list, and where the next one is.
SharedAnswer share_page(const Call& call, AnswerText text, const PageEnd& end);

// The query parameter `jobs` of an object: false leaves the list of the repository's jobs out. True without it.
Result<bool, Refusal> wants_jobs(std::string_view query);

}  // namespace vbrain::api
