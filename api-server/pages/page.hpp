#pragma once

#include <string>
#include <string_view>

#include "api-server/answers/shared_answer.hpp"
#include "api-server/lists/lists.hpp"
#include "api-server/pages/page_request.hpp"
#include "api-server/services.hpp"
#include "base/log/request_ids.hpp"

namespace vbrain::api {

// Adds a page of a list to an answer, as JSON. All block on the volume and throw VolumeError and Overloaded.
//
// A page ends when it is full, when all ids were looked at, or after kPageTime: then it has fewer entries than it may,
// perhaps none, and there is a next one. So a filter that few of 100,000 jobs pass needs several requests, and none of
// them holds up others.
inline constexpr std::chrono::milliseconds kPageTime{8};
// A page looks at so many ids at least: on a slow volume 8 ms would be the time for one.
inline constexpr std::size_t kLeastLooks = 20;
// The same for large objects.
inline constexpr std::size_t kPageBytes = std::size_t{4} << 20;

struct PageEnd {
  bool found = true;      // false: there is no such repository
  std::string last = {};  // the last id that was looked at, if there may be more; empty: the list ends here
};

// Jobs of a repository, or of the tenant if `repository_id` is empty. `known` and `ids` as for add_jobs().
PageEnd add_page_of_jobs(AnswerText& answer, const Services& services, const artifacts::Tenant& tenant,
                         std::string_view repository_id, const PageRequest& page, const KnownList* known,
                         const base::RequestIds& ids);

PageEnd add_page_of_repositories(AnswerText& answer, const Services& services, const artifacts::Tenant& tenant,
                                 const PageRequest& page, const KnownList* known, const base::RequestIds& ids);

}  // namespace vbrain::api
