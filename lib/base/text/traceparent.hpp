#pragma once

#include <string_view>

namespace vbrain::base {

// Whether the text is a `traceparent` of version 00 whose trace and parent are not zero
// (https://www.w3.org/TR/trace-context/#traceparent-header). Upper-case digits are not valid.
bool is_traceparent(std::string_view text);

// The 32 hexadecimal digits of the trace in such a text; empty for any other text.
std::string_view trace_id_of(std::string_view traceparent);

}  // namespace vbrain::base
