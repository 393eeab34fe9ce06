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

// The effect on the calls that match a rule.
struct Rule {
  enum class Action {
    kHang,   // waits until the rule is removed, or the caller is killed (as on an NFS mount with option hard)
    kStick,  // as kHang, but SIGKILL does not end the wait (as with a disk that does not answer)
    kDelay,  // waits `milliseconds`, then goes on
    kError,  // fails with errno `error`
  };
  Action action = Action::kError;
  int error = 0;
  int milliseconds = 0;
  std::vector<std::string> operations;  // empty: all
  std::string pattern;                  // fnmatch(3); "*" also matches "/"; everything below a match is matched too
  std::optional<pid_t> pid;             // only calls of this process
  std::uint64_t skip = 0;               // this number of matching calls passes first
  std::optional<std::uint64_t> times;   // then this number of calls is affected; without it, all
};

// One call of the file system. `other` is the second path of a rename or link.
struct Call {
  std::string_view operation;
  std::string path;
  std::optional<std::string> other;
  pid_t pid = 0;  // 0: the call comes from the kernel itself
};

// Reads "ACTION OPERATIONS PATTERN [times=N] [skip=N] [pid=N]", for instance
//   hang read,getattr /tenants pid=123        error=ESTALE lookup */status.json times=1      delay=200 * *
// Nothing if the line is malformed or names an operation or an error that does not exist.
std::optional<Rule> parse_rule(const std::string& line);

// Whether the rule applies to the call. Ignores `skip` and `times`.
bool matches(const Rule& rule, const Call& call);

// The active rules. Thread-safe.
class Faults {
 public:
  // Returns the number of the new rule.
  int add(Rule rule);
  // Calls that wait because of the rule go on. False if there is no such rule.
  bool remove(int number);
  // Removes all rules.
  void clear();
  // The number of calls that the rule has affected. Nothing if there is no such rule.
  std::optional<std::uint64_t> hits(int number) const;
  // The number of calls that wait now because of kHang or kStick.
  int waiting() const;

  // Applies all matching rules in the order of their numbers. Waits if they say so. Returns 0 or the errno of the
  // answer. `killed` returns whether the caller has been killed. It is called every 20 ms while the call hangs.
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
