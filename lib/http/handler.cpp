#include "http/handler.hpp"

namespace vbrain::http {

void detail::throw_unless_run(Fate fate) {
  switch (fate) {
    case Fate::kRun:
      return;
    case Fate::kOverloaded:
      throw Overloaded();
    case Fate::kLaneFull:
      throw LaneFull();
    case Fate::kDropped:
      throw BodyError(BodyError::Kind::kGone, "the client left while its request waited for a thread");
  }
}

std::optional<ExceptionAnswer> answer_to_exception(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const BodyError& problem) {
    if (problem.kind() == BodyError::Kind::kMalformed) return ExceptionAnswer{400, problem.what()};
    if (problem.kind() == BodyError::Kind::kTimeout) return ExceptionAnswer{408, problem.what()};
    if (problem.kind() == BodyError::Kind::kTooLarge) return ExceptionAnswer{413, problem.what()};
  } catch (const LaneFull&) {
    return ExceptionAnswer{429,
                           "your client has as many requests waiting for a thread as it may (--max-queued); send "
                           "fewer at a time, and this one again after the time in Retry-After"};
  } catch (const Overloaded&) {
    return ExceptionAnswer{503, "the server is overloaded; send the request again after the time in Retry-After"};
  } catch (...) {
    return std::nullopt;
  }
  return std::nullopt;
}

bool is_client_gone(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const BodyError& problem) {
    return problem.kind() == BodyError::Kind::kGone;
  } catch (...) {
    return false;
  }
}

}  // namespace vbrain::http
