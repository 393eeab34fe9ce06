#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace vbrain::controller {

// A message of the kubelet, the API server or a container made fit for the message of a status: control characters
// become spaces, cut to 1,024 bytes at a character's border. `text` is UTF-8.
std::string clean_message(std::string_view text);

// `reason` if it is a word that the Job definition's schema takes, else `fallback`: one odd word in a pod's status
// must not make every write of the Job's status fail.
std::string clean_reason(std::string_view reason, std::string_view fallback);

// "signal 9 (SIGKILL)"; only the number for one without a name.
std::string signal_text(int signal);

// "1.2 s", "3m5s".
std::string duration_text(std::chrono::milliseconds duration);

}  // namespace vbrain::controller
