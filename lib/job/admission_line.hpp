#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/tenant.hpp"
#include "base/time/clock.hpp"
#include "job/job.hpp"

namespace vbrain::job {

using base::Tenant;

// The limits for the jobs of one tenant. A limit is a number of jobs, 0 or more; absent means no limit.
struct ConcurrencyLimits {
  std::optional<std::int32_t> application;
  std::optional<std::int32_t> client;
  // Its Application exists and is open to its organization. Otherwise its jobs wait outside of the line and block no
  // other job; a job that was admitted and has not begun loses its slot.
  bool open = true;
};

// What a Job needs of the line.
enum class Demand {
  kSlot,      // it could begin, and waits in line for a slot
  kNothing,   // it holds no slot and wants none now: suspended, cancelled or deleted before its first attempt
  kUnderWay,  // its first attempt was claimed: it holds a slot, even above the limits
  kEnded,     // terminal, or deleted and its pod is gone: its slot is free
};
Demand demand_of(const Job& job);

// Decides which jobs of all tenants may begin. A job needs a slot under the limit of its Application and one under the
// limit of its Client. Jobs are admitted by priority, then by age, then by name. No job overtakes another one that
// waits for the same limit. A job that waits for its Client's limit does not block jobs of other Clients in the line of
// the Application. Each operation costs O(log n) in the number of waiting jobs. A value without a clock; not
// thread-safe.
class AdmissionLine {
 public:
  enum class Standing {
    kUnknown,              // not observed, withdrawn, or ended
    kAside,                // its Application does not exist or is not open to its organization
    kWaitsForClient,       // all slots of its Client are taken
    kWaitsForApplication,  // all slots of its Application are taken
    kAdmitted,             // has its slot and may begin
    kUnderWay,             // has begun
  };
  // Slots in use under one limit.
  struct Usage {
    std::size_t used = 0;
    std::optional<std::int32_t> limit;
  };

  // Reports the present state of a job. It admits no job; admit() does. Reports may be late: a job that is under way
  // stays so until it has ended. A new UID means another job of the same name.
  void observe(const Job& job, const ConcurrencyLimits& limits);
  // The job is gone. With a UID, only a job of that UID is removed.
  void forget(const std::string& job, const std::string& uid = {});
  // Takes the slot of a job that has not begun. The job does not wait either, until it is observed again.
  void give_back(const std::string& job);
  // Sets the limits of a tenant. The Application's limit holds for all tenants of that Application. Does nothing if no
  // job of the tenant is known. A lower limit takes no slot from a job. A closed Application takes the slots of its
  // jobs that have not begun.
  void set_limits(const Tenant& tenant, const ConcurrencyLimits& limits);
  // Gives the free slots to the first jobs in line. Returns these jobs, in that order.
  std::vector<std::string> admit();
  void clear();

  Standing standing(const std::string& job) const;
  Usage usage_of_client(const Tenant& tenant) const;
  Usage usage_of_application(const std::string& application) const;
  // The tenants of an Application that have jobs in this object.
  std::vector<Tenant> tenants_of(const std::string& application) const;
  std::size_t waiting() const { return waiting_; }
  std::size_t holding() const { return holding_; }  // admitted or under way

 private:
  struct ClientLine;
  // A job's position in the order. `job` points to its key in jobs_; a map never moves its keys.
  struct Ticket {
    std::int32_t priority = 0;
    base::TimePoint created{};
    const std::string* job = nullptr;

    std::strong_ordering operator<=>(const Ticket& other) const;
    bool operator==(const Ticket& other) const { return (*this <=> other) == 0; }
  };
  struct ApplicationLine {
    std::optional<std::int32_t> limit;
    std::size_t used = 0;
    std::map<Ticket, ClientLine*> heads;  // the first job of each Client that has a free slot
    std::set<ClientLine*> clients;
  };
  struct ClientLine {
    const Tenant* tenant = nullptr;
    ApplicationLine* application = nullptr;
    std::optional<std::int32_t> limit;
    bool open = true;
    std::size_t used = 0;
    std::set<Ticket> waiting;
    std::set<Ticket> admitted;
    std::optional<Ticket> head;  // the key in the Application's `heads`, if it is there
  };
  struct Entry {
    std::string uid;
    ClientLine* client = nullptr;
    std::int32_t priority = 0;
    base::TimePoint created{};
    enum class State { kWaiting, kAdmitted, kUnderWay } state = State::kWaiting;
  };
  using Entries = std::unordered_map<std::string, Entry>;

  static bool has_room(std::size_t used, const std::optional<std::int32_t>& limit);
  static Ticket ticket_of(const Entries::value_type& entry);
  ClientLine& line_of(const Tenant& tenant, const ConcurrencyLimits& limits);
  void apply(ClientLine& client, const ConcurrencyLimits& limits);
  void refresh_head(ClientLine& client);
  void take_slot(Entries::value_type& entry, Entry::State state);
  void bring_back_admitted(ClientLine& client);
  void remove(Entries::iterator entry);

  Entries jobs_;
  std::map<Tenant, ClientLine> clients_;
  std::map<std::string, ApplicationLine> applications_;
  std::set<ApplicationLine*> changed_;  // since the last admit()
  std::size_t waiting_ = 0;
  std::size_t holding_ = 0;
};

}  // namespace vbrain::job
