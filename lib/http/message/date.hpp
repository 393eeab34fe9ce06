#pragma once

#include <string_view>

namespace vbrain::http {

// The current time as IMF-fixdate (base::format_imf_fixdate), made once a second per thread. The view is valid until
// the thread's next call.
std::string_view http_date_now();

}  // namespace vbrain::http
