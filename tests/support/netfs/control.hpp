#pragma once

#include <functional>
#include <string>

#include "support/netfs/operations.hpp"

namespace vbrain::netfs {

// Carries out one command and returns the answer: "ok", "ok VALUE" or "error: …". Commands:
//   add RULE                                    a rule as in parse_rule(); answers its number
//   remove NUMBER | clear                       ends one rule | all
//   hits NUMBER | waiting                       how often a rule has hit | how many calls hang now
//   memory [names=MS] [attributes=MS] [lists=MS]  how long answers are repeated; what is not named is 0
//   refresh                                     forgets the answers
//   silly-rename on|off                         whether files that are open keep a name when they are removed
std::string execute(Client& client, const std::string& command);

// Listens on a Unix socket at `path`, which must not exist, for one line per connection; `end` is called for the
// command "end", after its answer. Never returns. Everybody may connect: test programs run under several uids.
[[noreturn]] void serve_control(int listener, Client& client, const std::function<void()>& end);

// Throws std::system_error.
int listen_control(const std::string& path);

}  // namespace vbrain::netfs
