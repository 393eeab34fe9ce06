#pragma once

#include <string>

#include "artifacts/store/safe_open.hpp"

namespace vbrain::runner {

// Landlock (kernel documentation, userspace-api/landlock): an application shall not be able to change its attempt's
// folder, which its runner writes under the same uid.

// A ruleset that takes from who enters it the right to write, create, remove and rename below the folder `excluded`
// (absolute), and nothing else: reading stays, and so does everything beside it on any level above. Names made later
// in the folders above (as /) are not covered, see restricts_more(). Empty where the kernel has no Landlock, or only
// its first version, which would forbid renames from folder to folder everywhere.
artifacts::Fd make_ruleset_without(const std::string& excluded);

// Whether the ruleset would take more from this process than the folder: if one of the folders above is writable to
// it, it could make new names there today. Then better no ruleset than one that breaks applications.
bool restricts_more(const std::string& excluded);

// For the child, between fork and exec: no way back, for all its descendants too. Sets no_new_privs. False and errno.
bool enter_ruleset(int ruleset);

}  // namespace vbrain::runner
