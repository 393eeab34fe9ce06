#pragma once

#include <tl/expected.hpp>

namespace vbrain {

// A value or an error that the caller is expected to act on. Exceptions are kept for what cannot go on.
template <class T, class E>
using Result = tl::expected<T, E>;

template <class E>
using Unexpected = tl::unexpected<E>;

}  // namespace vbrain
