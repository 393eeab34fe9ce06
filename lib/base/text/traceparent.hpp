#pragma once

#include <string>
#include <string_view>

namespace vbrain::base {

// Whether the text is a `traceparent` of version 00 whose trace and parent are not zero
// (https://www.w3.org/TR/trace-context/#traceparent-header). Upper-case digits are not valid.
bool is_traceparent(std::string_view text);

// A `traceparent` as a sender gave it, as one of version 00. Of a later version the first four parts count, as the same
// specification asks for ("Versioning of traceparent"). Empty if the text is none.
std::string to_traceparent_00(std::string_view text);

// The 32 hexadecimal digits of the trace in such a text; empty for any other text.
std::string_view trace_id_of(std::string_view traceparent);

}  // namespace vbrain::base
