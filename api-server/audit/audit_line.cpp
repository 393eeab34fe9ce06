#include "api-server/audit/audit_line.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/json/json.hpp"

namespace vbrain::api {
namespace {

constexpr std::string_view kPrefix = "/api/v1/";
// Bytes of a value. All but `detail`, which may quote what was sent, are shorter.
constexpr std::size_t kMaxValue = 1024;
constexpr int kFirstFault = 500;
constexpr int kNoSpace = 507;  // for the request, and not of the server

// Sentences for people, as the message of the line.
constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kMessages{{
    {"job.execute", "job created"},
    {"job.retry", "job created"},
    {"job.batch", "jobs created"},
    {"job.cancel", "job cancelled by its user"},
    {"job.suspend", "job suspended by its user"},
    {"job.resume", "job resumed by its user"},
    {"job.delete", "job deleted by its user"},
    {"repository.create", "repository created"},
    {"repository.delete", "repository deleted by its user"},
    {"upload.create", "upload created"},
    {"upload.complete", "upload complete"},
    {"upload.delete", "upload deleted by its user"},
    {"key.create", "key created"},
    {"key.delete", "key deleted"},
}};

std::string_view message_of_change(std::string_view action, bool repeated) {
  if (repeated) return "answer of an earlier request repeated";
  for (const auto& [known, message] : kMessages) {
    if (known == action) return message;
  }
  return "changed by its user";
}

// JSON members, in the order in which they are added.
class Members {
 public:
  void add(std::string_view key, std::string_view text) { raw(key, base::quote_json(text.substr(0, kMaxValue))); }
  void add_if(std::string_view key, std::string_view text) {
    if (!text.empty()) add(key, text);
  }
  void raw(std::string_view key, std::string_view json) {
    text_.append(text_.empty() ? "" : ",").append(base::quote_json(key)).append(":").append(json);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void add_change(Members& members, const AuditChange& change) {
  members.add_if("repository", change.repository);
  members.add_if("upload", change.upload);
  members.add_if("owner", change.owner);
  if (change.bytes) members.raw("bytes", std::to_string(*change.bytes));
  if (change.jobs.empty()) return;
  members.raw("jobs", std::to_string(change.jobs.size()));
  std::string ids;
  for (const std::string& id : change.jobs) ids.append(ids.empty() ? "" : ",").append(base::quote_json(id));
  members.raw("ids", "[" + ids + "]");
}

// What all lines of a request have after what they are about.
void add_request(Members& members, const AuditRequest& request) {
  members.add("method", request.method);
  members.add("path", request.path);
  members.add("username", request.username);
  members.add("organization", request.organization);
  members.add("application", request.application);
  members.add("client", request.client);
  members.add("role", request.role);
  members.add("key_id", request.key_id);
  members.add("peer", request.peer);
  members.add_if("forwarded_for", request.forwarded_for);
  members.add("request_id", request.request_id);
  members.add_if("trace_id", request.trace_id);
}

// The kind of what an action is about: the word before its dot.
std::string_view resource_of(std::string_view action) {
  return action.substr(0, action.find('.'));
}

Members begin_line(std::string_view action, std::string_view resource, std::string_view id) {
  Members members;
  members.raw("audit", "true");
  members.add("action", action);
  members.add("resource", resource);
  members.add("id", id);
  return members;
}

AuditLine line_of_change(const AuditRequest& request, const AuditOutcome& outcome, const AuditChange& change) {
  const std::string_view action = change.action.empty() ? request.action : change.action;
  Members members = begin_line(action, resource_of(action), change.id);
  add_change(members, change);
  members.add("outcome", change.repeated ? "repeated" : "done");
  if (outcome.status != 0) members.raw("status", std::to_string(outcome.status));
  add_request(members, request);
  return {message_of_change(action, change.repeated), members.take()};
}

AuditLine line_of_refusal(const AuditRequest& request, const AuditOutcome& outcome) {
  Members members = begin_line(request.action, request.resource, request.id);
  const bool fault = outcome.status >= kFirstFault && outcome.status != kNoSpace;
  members.add("outcome", fault ? "failed" : "refused");
  members.raw("status", std::to_string(outcome.status));
  members.add_if("error", outcome.error);
  members.add_if("detail", outcome.detail);
  add_request(members, request);
  return {"request refused", members.take()};
}

bool is_success(int status) {
  return status >= 200 && status < 300;
}

}  // namespace

RouteAction action_of(const RoutePattern& pattern) {
  std::string_view path = pattern.path;
  if (path.starts_with(kPrefix)) path.remove_prefix(kPrefix.size());
  RouteAction result;
  result.resource = path.substr(0, path.find('/'));
  // "uploads" is a list of what is an upload.
  if (result.resource.ends_with('s')) result.resource.pop_back();
  const std::string_view last = path.substr(path.rfind('/') + 1);
  const bool is_verb = path.find('/') != std::string_view::npos && !last.starts_with(':') && !last.starts_with('*');
  std::string_view verb = "update";  // PUT, PATCH
  switch (pattern.method) {
    case http::Method::kGet:
    case http::Method::kHead:
    case http::Method::kOptions:
      verb = "read";
      break;
    case http::Method::kDelete:
      verb = "delete";
      break;
    case http::Method::kPost:
      verb = is_verb ? last : std::string_view("create");
      break;
    default:
      break;
  }
  result.action = result.resource;
  result.action.append(".").append(verb);
  result.changes = verb != "read";
  return result;
}

bool has_audit_lines(bool changes, int status, const AuditNotes& notes) {
  if (!notes.changes().empty() || status >= kFirstRefusal) return true;
  return changes && is_success(status) && !notes.silent();
}

std::vector<AuditLine> audit_lines(const AuditRequest& request, const AuditOutcome& outcome, const AuditNotes& notes) {
  std::vector<AuditLine> lines;
  for (const AuditChange& change : notes.changes()) lines.push_back(line_of_change(request, outcome, change));
  if (outcome.status >= kFirstRefusal) {
    lines.push_back(line_of_refusal(request, outcome));
  } else if (lines.empty() && has_audit_lines(request.changes, outcome.status, notes)) {
    lines.push_back(line_of_change(request, outcome, {.action = {}, .id = std::string(request.id)}));
  }
  return lines;
}

}  // namespace vbrain::api
