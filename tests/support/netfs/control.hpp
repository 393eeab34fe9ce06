#pragma once

#include <functional>
#include <string>

#include "support/netfs/operations.hpp"

namespace vbrain::netfs {

// Carries out one command and returns the answer: "ok", "ok VALUE" or "error: …". Commands:
//   add RULE                                    a rule as in parse_rule(); answers its number
//   remove NUMBER | clear                       ends one rule | all
//   hits NUMBER | waiting                       number of calls affected by the rule | that hang now
//   memory [names=MS] [attributes=MS] [lists=MS]  times of the cache (see Memory); default 0
//   refresh                                     empties the cache
//   silly-rename on|off                         whether a removed open file gets a name .nfs…
std::string execute(Client& client, const std::string& command);

// Serves a listening socket: one command per connection. Calls `end` after it has answered the command "end". Never
// returns.
[[noreturn]] void serve_control(int listener, Client& client, const std::function<void()>& end);

// Creates a listening Unix socket at `path`, which must not exist. All users may connect, because test programs run
// under several uids. Throws std::system_error.
int listen_control(const std::string& path);

}  // namespace vbrain::netfs
