#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json/json_reader.hpp"

namespace vbrain::runner {

// Where a reader of JSON is in the document, as a JSON Pointer (RFC 6901). Memory: one entry per open array or object.
class JsonPath {
 public:
  void follow(const base::JsonToken& token);

  // True when the outermost value is complete.
  bool is_complete() const { return complete_; }
  // The pointer to the value that comes next, or to the object if its next key is not read yet. Keys are read again
  // from the file `fd`. At most about 250 bytes; empty for the whole document.
  std::string pointer(int fd) const;

 private:
  struct Open {
    bool is_array;
    std::size_t index = 0;
    std::uint64_t key_begin = 0;  // of the key, with quotes; equal to key_end if there is none
    std::uint64_t key_end = 0;
  };
  std::vector<Open> open_;
  bool complete_ = false;
};

// What is wrong in a JSON text, in words.
struct JsonFault {
  std::size_t back = 0;  // it begins so many bytes before the reported place
  std::string what{};    // "NaN"
  std::string remedy{};  // "write null"; may be empty
};

// `before` are the bytes in front of the reported place, `at` the bytes from there on (not empty); 64 of each are
// enough. `path` tells whether the document is complete.
JsonFault name_json_fault(std::string_view before, std::string_view at, bool is_complete);

// A sentence for the job's message: what is wrong, its byte, line and column (all count from 1), its JSON Pointer, and
// what to do. Reads the file `fd`, which must not have changed since the error. Throws std::system_error if it cannot.
std::string explain_json_error(int fd, const base::JsonError& error, const JsonPath& path);

}  // namespace vbrain::runner
