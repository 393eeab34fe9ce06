#pragma once

#include <memory>
#include <optional>
#include <string>

#include "api-server/errors.hpp"
#include "api-server/transfer/json_budget.hpp"
#include "http/message.hpp"

namespace vbrain::api {

// A JSON answer that several requests get (SharedReads).
struct SharedAnswer {
  std::optional<Refusal> refused = {};  // then all else is without meaning
  // The API server has to be asked first whether the object exists (JobRecord::unconfirmed).
  bool unconfirmed = false;
  int status = 200;
  std::shared_ptr<const http::TextPieces> text = nullptr;
  // What the answer holds of the budget, once for all its readers, until the last of them has it.
  std::shared_ptr<JsonBudget::Share> memory = nullptr;
};

SharedAnswer shared_refusal(Refusal refusal);

// `memory` belongs to the answer from here on.
SharedAnswer share_json(int status, http::TextPieces text, JsonBudget::Share memory);

// The answer to one of the requests. The text is not copied.
Answer reply_with(const std::shared_ptr<const SharedAnswer>& shared);

}  // namespace vbrain::api
