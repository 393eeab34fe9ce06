#pragma once

#include <ctime>
#include <string>
#include <string_view>

namespace vbrain::http {

// IMF-fixdate of RFC 9110 section 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT".
std::string format_http_date(std::time_t time);

// The current time as IMF-fixdate, made once a second per thread. The view lives until the thread's next call.
std::string_view http_date_now();

}  // namespace vbrain::http
