#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api-server/answers/tenant_budget.hpp"
#include "api-server/errors.hpp"
#include "base/text/digest.hpp"
#include "http/message/message.hpp"

namespace vbrain::api {

struct Spooled;

// The text of an answer while it is made, with what its entity tag is made of: the digest of each part.
class AnswerText {
 public:
  // A short text.
  void add(std::string part);
  // `part` stays where it is: `owner` keeps it alive. `tag` is another one for another part.
  void add(std::shared_ptr<const void> owner, std::string_view part, std::string_view tag);
  void add_list(std::shared_ptr<const void> owner, const std::vector<std::string_view>& pieces, std::string_view tag);
  // A list that has no room in memory. Such an answer has no entity tag.
  void add_file(std::shared_ptr<const Spooled> file);

  // The list of this repository's jobs, or "" for the tenant's repositories, has to be read first (KnownList). The text
  // is no answer then.
  void set_missing_list(std::string repository_id) { missing_list_ = std::move(repository_id); }
  const std::optional<std::string>& missing_list() const { return missing_list_; }

  // The parts before and after the file, or all.
  const http::TextPieces& text() const { return text_; }
  const std::shared_ptr<const Spooled>& file() const { return file_; }
  const http::TextPieces& after() const { return after_; }
  // A strong entity tag (RFC 9110 section 8.8.1), without quotes. Empty: none. To be called once.
  std::string take_etag();

 private:
  http::TextPieces& end() { return file_ == nullptr ? text_ : after_; }

  http::TextPieces text_;
  std::shared_ptr<const Spooled> file_;
  http::TextPieces after_;
  std::optional<std::string> missing_list_;
  base::Sha256 digest_;
};

// A JSON answer that several requests get (SharedReads).
struct SharedAnswer {
  std::optional<Refusal> refused = {};  // then all else is without meaning
  // The API server has to be asked first whether the object exists (JobRecord::unconfirmed).
  bool unconfirmed = false;
  // No answer yet either: AnswerText::missing_list().
  std::optional<std::string> missing_list = {};
  int status = 200;
  std::chrono::seconds retry_after{1};  // of a 202
  std::string etag = {};                // empty: none
  std::string link = {};                // the value of the Link field; empty: none
  std::shared_ptr<const http::TextPieces> text = nullptr;
  std::shared_ptr<const Spooled> file = nullptr;            // comes after `text`
  std::shared_ptr<const http::TextPieces> after = nullptr;  // comes after `file`
  // What the answer holds of the budget, once for all its readers, until the last of them has it.
  std::shared_ptr<TenantBudget::Share> memory = nullptr;
};

SharedAnswer shared_refusal(Refusal refusal);

// `memory` belongs to the answer from here on.
SharedAnswer share_json(int status, AnswerText text, TenantBudget::Share memory);

// The answer to one of the requests: 304 without the text if its client has the same (If-None-Match). The text is not
// copied. Throws VolumeError if there are no descriptors left.
Answer reply_with(const http::RequestHead& head, const std::shared_ptr<const SharedAnswer>& shared);

}  // namespace vbrain::api
