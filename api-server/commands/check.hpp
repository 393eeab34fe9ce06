#pragma once

#include <iosfwd>
#include <string>

namespace vbrain::api {

// Asks a running api-server at `rest` ("host:port", or "https://host:port" if it speaks TLS; it is not looked at whose
// certificate that is) for a list of jobs without any header, and at `health` for /readyz, and writes what it found to
// `out`, a line each. True if the REST server answers by the contract (400, it names the missing header) and the server
// is ready. Blocks, for at most 10 s for each step. Throws nothing.
bool check_server(const std::string& rest, const std::string& health, std::ostream& out);

// `api-server check`: reads its own options, for `helm test`. Returns the exit code: 0, 1 (a check failed), 2 (usage).
int run_check(int argc, const char* const* argv);

}  // namespace vbrain::api
