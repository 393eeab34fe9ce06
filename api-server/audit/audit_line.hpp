#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api-server/audit/audit_notes.hpp"
#include "api-server/routes/router.hpp"

namespace vbrain::api {

// The first status of an answer that refuses.
inline constexpr int kFirstRefusal = 400;

// What a route does, in the words of the audit: "job.cancel" of "job", "upload.create" of "upload". The names follow
// from the path and the method, so that a new route has one.
struct RouteAction {
  std::string action;
  std::string resource;
  bool changes = false;  // false: it reads
};
RouteAction action_of(const RoutePattern& pattern);

// A request, for its audit lines. No secrets: hide_secrets() was applied to what is not authenticated.
struct AuditRequest {
  // Of the route; empty: there is none.
  std::string_view action = {};
  std::string_view resource = {};
  std::string_view id = {};  // in the path; empty: none
  bool changes = false;      // RouteAction::changes
  std::string_view method = {};
  std::string path = {};
  // Without a role the sender is not authenticated, and these are what the request claims.
  std::string username = {};
  std::string organization = {};
  std::string application = {};
  std::string client = {};
  std::string_view role = {};
  std::string key_id = {};
  std::string_view peer = {};      // address of the connection's other end
  std::string forwarded_for = {};  // what a trusted proxy says of the client (forwarded_for())
  std::string_view request_id = {};
  std::string_view trace_id = {};
};

// What came of it.
struct AuditOutcome {
  int status = 0;  // of the answer; 0: the client had gone before it
  std::string error = {};
  std::string detail = {};
};

struct AuditLine {
  std::string_view message;  // constant text
  std::string members;       // JSON, for base::log_members()
};

// Whether audit_lines() has a line.
bool has_audit_lines(bool changes, int status, const AuditNotes& notes);

// The lines of a request: one for each change, also if the answer refuses what came after it, and one for a refusal. A
// request whose method changes something and that succeeds has one line at least, unless its handler says that nothing
// changed. Reads that succeed have none. The format is in docs/interfaces.md. Pure.
std::vector<AuditLine> audit_lines(const AuditRequest& request, const AuditOutcome& outcome, const AuditNotes& notes);

}  // namespace vbrain::api
