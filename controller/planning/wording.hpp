#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace vbrain::controller {

// A message of the kubelet, the API server or a container, prepared for the message of a status: control characters
// become spaces, and it is truncated to 1,024 bytes at a character boundary. `text` is UTF-8.
std::string clean_message(std::string_view text);

// `reason` if the Job definition's schema accepts it, else `fallback`: an unexpected word in a pod's status must not
// make every write of the Job's status fail.
std::string clean_reason(std::string_view reason, std::string_view fallback);

// "signal 9 (SIGKILL)"; only the number if the signal has no name.
std::string signal_text(int signal);

// "1.2 s", "3m5s".
std::string duration_text(std::chrono::milliseconds duration);

// The end of a text of several lines, at most 512 bytes, in one line. For the last words of a container.
std::string last_lines(std::string_view text);

}  // namespace vbrain::controller
