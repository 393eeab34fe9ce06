#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vbrain::netfs {

// What happens to the calls that a rule names.
struct Rule {
  enum class Action {
    kHang,   // waits until the rule is removed; a caller that is killed is let go, as on a hard NFS mount
    kStick,  // as kHang, but not even SIGKILL helps, as with a disk that does not answer
    kDelay,  // waits `milliseconds`, then goes on
    kError,  // fails with errno `error`
  };
  Action action = Action::kError;
  int error = 0;
  int milliseconds = 0;
  std::vector<std::string> operations;  // empty: all
  std::string pattern;                  // fnmatch(3), "*" matches "/" too; what lies below a match is matched as well
  std::optional<pid_t> pid;             // only calls of this process
  std::uint64_t skip = 0;               // so many calls that match pass first
  std::optional<std::uint64_t> times;   // so many calls are hit then; without it, all
};

// One call of the file system. `other` is the second path of a rename or link.
struct Call {
  std::string_view operation;
  std::string path;
  std::optional<std::string> other;
  pid_t pid = 0;  // 0: the kernel on its own account
};

// Reads "ACTION OPERATIONS PATTERN [times=N] [skip=N] [pid=N]", for instance
//   hang read,getattr /tenants pid=123        error=ESTALE lookup */status.json times=1      delay=200 * *
// Nothing if the line is malformed or names an operation or an error that does not exist.
std::optional<Rule> parse_rule(const std::string& line);

// Whether the rule names the call, its counters left aside.
bool matches(const Rule& rule, const Call& call);

// The rules in force. Thread-safe.
class Faults {
 public:
  // Returns the number of the new rule.
  int add(Rule rule);
  // Lets go what the rule holds. False if there is no such rule.
  bool remove(int number);
  // Removes all rules.
  void clear();
  // How many calls the rule has hit so far. Nothing if there is no such rule.
  std::optional<std::uint64_t> hits(int number) const;
  // How many calls wait now in rules that hang or stick.
  int waiting() const;

  // Applies all rules that match, in the order of their numbers: waits, and returns the errno to answer with or 0.
  // `killed` says whether the caller has been killed; it is asked every 20 ms while the call hangs.
  int apply(const Call& call, const std::function<bool()>& killed);

 private:
  struct Active {
    int number;
    Rule rule;
    std::uint64_t seen = 0;
    std::uint64_t hits = 0;
  };
  struct Hit {
    int number;
    Rule rule;
  };

  std::vector<Hit> collect(const Call& call);
  bool is_active(int number) const;
  int wait_while_active(const Hit& hit, const std::function<bool()>& killed);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Active> active_;
  int next_ = 1;
  int waiting_ = 0;
};

}  // namespace vbrain::netfs
