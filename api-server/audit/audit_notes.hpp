#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vbrain::api {

// Something that a request has changed.
struct AuditChange {
  std::string_view action = {};        // "repository.create", constant text; empty: that of the route
  std::string id = {};                 // of what was changed
  std::string repository = {};         // of a job; empty: none
  std::string upload = {};             // that was used up; empty: none
  std::string owner = {};              // the user whose key it is; empty: no key
  std::vector<std::string> jobs = {};  // ids, if there are several
  std::optional<std::uint64_t> bytes = {};
  bool repeated = false;  // an earlier request with the same Idempotency-Key has made the change
};

// What the handler of a request says for its audit lines (audit_lines()). The lines are written when the answer is
// known, or when the client has gone before. Not thread-safe.
class AuditNotes {
 public:
  void add(AuditChange change) { changes_.push_back(std::move(change)); }
  // The request has changed nothing that counts, although its method could have.
  void nothing_changed() { silent_ = true; }
  // Why the answer, which is no Refusal, refuses.
  void refuse(std::string_view error, std::string detail) {
    error_ = error;
    detail_ = std::move(detail);
  }

  const std::vector<AuditChange>& changes() const { return changes_; }
  bool silent() const { return silent_; }
  const std::string& error() const { return error_; }
  const std::string& detail() const { return detail_; }

 private:
  std::vector<AuditChange> changes_;
  bool silent_ = false;
  std::string error_;
  std::string detail_;
};

}  // namespace vbrain::api
