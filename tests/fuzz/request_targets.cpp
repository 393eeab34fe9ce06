// What a request says beside its head and its form: the query, single fields, JSON bodies, names of files in its path.
#include <algorithm>
#include <optional>

#include "api-server/api_keys/key_rules.hpp"
#include "api-server/audit/forwarded.hpp"
#include "api-server/auth/auth.hpp"
#include "api-server/auth/hide_secrets.hpp"
#include "api-server/auth/identity.hpp"
#include "api-server/files/shown_file.hpp"
#include "api-server/live/log_wish.hpp"
#include "api-server/openapi/embedded_reply.hpp"
#include "api-server/pages/page_request.hpp"
#include "api-server/request_context.hpp"
#include "api-server/routes/router.hpp"
#include "api-server/submit/json_body.hpp"
#include "api-server/submit/priority.hpp"
#include "api-server/uploads/tus.hpp"
#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/store/layout.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/header_lines.hpp"

namespace vbrain::fuzz {
namespace {

using api::ListOf;
using api::PageRequest;

void require_words(const api::Refusal& refusal) {
  require(api::message_of(refusal).find_first_of("\r\n") == std::string::npos, "a refusal is one line");
}

bool is_visible_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

void require_same_list(const PageRequest& one, const PageRequest& next) {
  require(one.size == next.size && one.descending == next.descending && one.full == next.full &&
              one.dates.from == next.dates.from && one.dates.to == next.dates.to && one.phases == next.phases &&
              one.created_by == next.created_by && one.name == next.name,
          "the next page is one of the same list");
}

// The query of a stream of logs.
void run_log_wish(std::string_view input) {
  const auto wish = api::wished_logs(input);
  if (!wish) {
    require_words(wish.error());
    return;
  }
  require(wish->out || wish->err, "a stream is wished");
  require(!wish->tail || *wish->tail <= api::kMostLines, "a number of lines is bounded");
  require(wish->file.empty() || artifacts::check_entry_name(wish->file).empty(), "a file leads out of no folder");
}

// A query without its question mark, as the request line has it: its page leads to the next one of the same list.
void run_pages(std::string_view input) {
  run_log_wish(input);
  for (const ListOf list : {ListOf::kJobs, ListOf::kRepositories}) {
    if (const auto refused = api::check_query(input, api::kJobListParameters)) {
      require_words(*refused);
      return;
    }
    const auto page = api::read_page_request(input, list);
    if (!page) {
      require_words(page.error());
      continue;
    }
    require(page->size >= 1 && page->size <= PageRequest::kMaxSize, "a page has a size within its limits");
    const bool jobs = list == ListOf::kJobs;
    require(page->after.empty() ||
                (jobs ? artifacts::is_job_folder_name(page->after) : artifacts::is_repository_id(page->after)),
            "a page begins after an id");
    const std::string last = jobs ? "0190a0b0-0000-7000-8000-000000000000" : "202009231629398695";
    const std::string link = api::link_to_next(input, last);
    constexpr std::string_view kBegin = "<?";
    constexpr std::string_view kEnd = ">; rel=\"next\"";
    require(link.starts_with(kBegin) && link.ends_with(kEnd), "a link has the form of RFC 8288");
    const std::string target = link.substr(kBegin.size(), link.size() - kBegin.size() - kEnd.size());
    require(is_visible_ascii(target) && target.find_first_of("<>\"") == std::string::npos, "a link is well-formed");
    const auto next = api::read_page_request(target, list);
    require(next.has_value() && next->after == last, "a link leads to the page after this one");
    require_same_list(*page, *next);
  }
}

// Whether a text has something that is read as the secret of a key.
bool has_secret(std::string_view text) {
  for (auto at = text.find("vb_"); at != std::string_view::npos; at = text.find("vb_", at + 1)) {
    const std::string_view id = api::readable_key_id(text.substr(at));
    if (id.empty()) continue;
    const std::string_view rest = text.substr(at + std::string_view("vb__").size() + id.size());
    const auto end = std::ranges::find_if_not(rest, [](unsigned char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    });
    if (end - rest.begin() >= 16) return true;
  }
  return false;
}

// Lines of `name: value`.
void run_fields(std::string_view input) {
  http::RequestHead head;
  head.fields = header_lines(input);
  const auto context = api::read_context(head, base::TimePoint{});
  require(!context.request_id.empty() && context.request_id.size() <= 128 && is_visible_ascii(context.request_id),
          "an id of a request is one word");
  require(context.traceparent.empty() || context.trace_id().size() == 32, "a trace has an id");
  for (const char* header : {"Forwarded", "X-Forwarded-For"}) {
    const std::string said = api::forwarded_for(head.fields, header);
    require(said.size() <= 512, "what proxies say is bounded");
    require(!has_secret(said), "no secret is in the log");
  }
  require(!has_secret(api::hide_secrets(input)), "no secret is in the log");
  for (const auto repository : {api::RepositoryHeader::kOptional, api::RepositoryHeader::kRequired}) {
    const auto identity = api::read_identity(head.fields, repository);
    if (!identity) {
      require_words(identity.error());
      continue;
    }
    for (const std::string* name : {&identity->username, &identity->organization_id, &identity->application_id,
                                    &identity->client_id, &identity->api_key}) {
      require(artifacts::is_name(*name), "names of an identity are names");
    }
    require(identity->repository_id.empty() || artifacts::is_name(identity->repository_id), "as is a repository's");
  }
  if (const auto upload = api::read_upload_header(head.fields); !upload) require_words(upload.error());
  static_cast<void>(api::takes_gzip(head.find("accept-encoding").value_or(input)));
}

// A name of a file as the path of a request has it.
void run_paths(std::string_view input) {
  const auto name = api::file_name_in(input);
  if (!name) {
    require_words(name.error());
    return;
  }
  require(artifacts::check_entry_name(*name).empty(), "a name leads out of no folder");
  const std::string disposition = api::disposition_of(*name);
  require(std::ranges::all_of(disposition, [](char c) { return c >= ' ' && c <= '~'; }), "a field has no controls");
  require(std::ranges::count(disposition, '"') == 2, "a name does not end its quotation");
  const auto shown = api::shown_as(*name);
  for (const char* kind : {"html", "xml", "script", "pdf"}) {
    require(!shown.opens || shown.media_type.find(kind) == std::string_view::npos, "what opens runs no script");
  }
}

void run_bodies(std::string_view input) {
  for (const bool priority_known : {false, true}) {
    const auto fields = api::read_json_fields(input, priority_known);
    if (!fields) {
      require_words(fields.error());
      continue;
    }
    for (const std::string* object : {&fields->params, &fields->metadata}) {
      require(object->empty() || object->starts_with('{'), "params and metadata are objects");
    }
    require(priority_known || (!fields->priority && fields->callback_url.empty()), "what is unknown is refused");
    require(!fields->priority || (*fields->priority >= api::kLeastPriority && *fields->priority <= api::kMostPriority),
            "a priority is within its limits");
    require(fields->upload_id.find_first_of("\\\"") == std::string::npos, "an id has no quotation marks");
  }
  const base::TimePoint now{std::chrono::hours(24 * 365 * 50)};
  const auto wish = api::read_key_wish(input, now);
  if (!wish) {
    require_words(wish.error());
    return;
  }
  require(artifacts::is_name(wish->username), "a key is for a name");
  require(wish->description.size() <= api::kMostKeyDescription && !has_secret(wish->description),
          "a description is short and has no secret");
  require(!wish->expires_at ||
              (*wish->expires_at > now && *wish->expires_at <= now + api::kLongestLife + std::chrono::seconds(1)),
          "a key expires later, and not too late");
}

}  // namespace

std::vector<Target> request_targets() {
  const std::string key = "vb_abc1_0123456789012345678901234567890123456789012";
  return {
      {"pages",
       run_pages,
       {"from_date=202001010000&to_date=202012312359&page_size=10&order=desc&view=full&status=queued,failed",
        "page_token=0190a0b0-0000-7000-8000-000000000000&created_by=ana&name=a+b%20%C3%A7",
        "page_token=202009231629398695", "page_size=1000&view=ids", "follow=false&stream=both&tail=100",
        "file=sub%2Fown.log&tail=0", "&&page_size=1&_=5&"},
       {"from_date=",
        "to_date=",
        "page_size=",
        "page_token=",
        "order=asc",
        "order=desc",
        "view=ids",
        "view=full",
        "status=",
        "follow=",
        "stream=",
        "tail=",
        "file=",
        "..%2F",
        "created_by=",
        "name=",
        "&",
        "=",
        "%26",
        "%3D",
        "%25",
        "%",
        "+",
        "%2B",
        "queued,started",
        "_=",
        "202001010000",
        "page%5Fsize=1",
        "202009231629398695"}},
      {"fields",
       run_fields,
       {"username: ana\norganization_id: acme\napplication-id: Tutorial\nclient_id: north\nx-api-key: " + key +
            "\nrepository_id: 202009231629398695\n",
        "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\nX-Request-Id: a-b_c.d:e/f\n",
        "Forwarded: for=\"[2001:db8::1]:80\";by=" + key + "\nX-Forwarded-For: 192.0.2.1, " + key + "\n",
        "Accept-Encoding: br;q=1.0, gzip;q=0.0, *;q=0\nupload_id: x\n", key + key, "vb_a" + key},
       {"username: ", "organization-id: ", "x-api-key: ", "traceparent: 00-",
        "X-Request-Id: ", "Forwarded: ", "X-Forwarded-For: ", "Accept-Encoding: ", "gzip",
        ";q=", "*", "vb_", "_", "\n", ", ", "\xc3\xa7", "\xe7", key}},
      {"paths",
       run_paths,
       {"sub/a%20b.txt", "%C3%A7%C3%A3o.csv", "..%2F..%2Fetc%2Fpasswd", "a.svg", "x/%22;a.html", "t.PNG"},
       {"%2F", "%2E", "..", "/", "%00", "%22", "%0d%0a", "%", ".html", ".svg", ".csv", "%C3%A7", "\\"}},
      {"bodies",
       run_bodies,
       {R"({"params":{"a":10},"metadata":{"name":"x"},"priority":5,"callback_url":"https:\/\/h\/a","upload_id":"0190-a"})",
        R"({"username":"ana","expires_in":7776000,"description":"for the night"})",
        R"({"username":"\u00e7","expires_at":"2027-01-01T00:00:00.5Z"})", "\xef\xbb\xbf{}"},
       {"\"params\":{}",
        "\"metadata\":",
        "\"priority\":",
        "\"callback_url\":",
        "\"upload_id\":",
        "\"username\":",
        "\"expires_in\":",
        "\"expires_at\":",
        "\"description\":",
        "null",
        "-1",
        "1e3",
        "315360000",
        "18446744073709551615",
        "\\u0000",
        "\\ud800",
        "{",
        "}",
        ",",
        "2020-01-01T00:00:00Z",
        "\xef\xbb\xbf"}},
  };
}

}  // namespace vbrain::fuzz
