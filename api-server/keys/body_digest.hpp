#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vbrain::api {

// By what a repeated request with the same Idempotency-Key is recognised: a digest of what its body says, not of its
// bytes on the wire. A repetition of a form has another random boundary, and perhaps another order of its parts. Of
// JSON the bytes count.

// The fields of a form as sent; nothing: not sent. Names of files are those after decoding (part_head.hpp).
struct FormDigests {
  std::optional<std::string> params = {};
  std::optional<std::string> metadata = {};
  std::optional<std::string> priority = {};
  std::optional<std::string> upload_id = {};
  std::optional<std::string> callback_url = {};
  std::optional<std::string> file_name = {};
  std::string file_sha256 = {};
};

// Digests of bodies, in lower-case hex. Different kinds of bodies never have the same. Pure.
std::string digest_of_form(const FormDigests& form);
std::string digest_of_json(std::string_view sha256);
std::string digest_of_no_body();

// The digest of a whole request: the endpoint's path with its id filled in, the header repository_id, its body's
// digest, and the header upload_id if it was sent. None of them has a line break. Pure.
std::string digest_of_request(std::string_view path, std::string_view repository_id, std::string_view body,
                              std::string_view upload_id = {});

}  // namespace vbrain::api
