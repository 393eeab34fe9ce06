#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/tenant.hpp"
#include "job/job.hpp"

namespace vbrain::job {

using base::Tenant;

// What counts for the jobs of one tenant. A limit is a number of jobs, 0 or more; absent means none.
struct ConcurrencyLimits {
  std::optional<std::int32_t> application;
  std::optional<std::int32_t> client;
  // Its Application exists and is open to its organization. Otherwise its jobs stand aside and block nobody: whoever
  // has a place and has not begun waits again.
  bool open = true;
};

// What a Job asks for.
enum class Demand {
  kPlace,     // it would begin: waits in line
  kNothing,   // it holds no place and wants none now: suspended, cancelled or deleted before its first attempt
  kUnderWay,  // it has a place, from the claim of its first attempt on, whatever the limits say
  kEnded,     // terminal, or deleted and its pod gone: its place is free
};
Demand demand_of(const Job& job);

// The jobs of all tenants in the order in which they may begin, and the places of those that have begun: a job needs a
// place under the limit of its Application and one under that of its Client. Higher priority goes first, then the older
// job, then the smaller name. Nobody overtakes in the line of one limit, but who waits for his Client's limit is not in
// the line of the Application. Each operation costs O(log n) of the jobs that wait, whatever their number. A value
// without a clock; not thread-safe.
class AdmissionLine {
 public:
  enum class Standing {
    kUnknown,              // waits for nothing: not asked, withdrawn, or ended
    kAside,                // its Application does not exist or is not open to its organization
    kWaitsForClient,       // all places of its Client are taken
    kWaitsForApplication,  // all places of its Application are taken
    kAdmitted,             // has its place and may begin
    kUnderWay,             // has begun
  };
  // Jobs that hold a place of one limit.
  struct Usage {
    std::size_t used = 0;
    std::optional<std::int32_t> limit;
  };

  // Tells what is known of a job. What a job may do changes with admit() only. Facts may be late: a job that is under
  // way does not fall back before it has ended. A new UID is another job of the same name.
  void observe(const Job& job, const ConcurrencyLimits& limits);
  // The job is gone. With a UID: only if it is that one.
  void forget(const std::string& job, const std::string& uid = {});
  // Takes back the place of a job that has not begun; it waits no more either, until it is observed again.
  void give_back(const std::string& job);
  // Other limits for a tenant, of which those of the Application hold for all its tenants. Nothing happens if none of
  // its jobs is known. A lowered limit takes nobody's place, a closed Application the places of those who have not
  // begun.
  void set_limits(const Tenant& tenant, const ConcurrencyLimits& limits);
  // Gives the free places to the first in line. Returns who got one, in that order.
  std::vector<std::string> admit();
  void clear();

  Standing standing(const std::string& job) const;
  Usage usage_of_client(const Tenant& tenant) const;
  Usage usage_of_application(const std::string& application) const;
  // The tenants of an Application that have jobs here.
  std::vector<Tenant> tenants_of(const std::string& application) const;
  std::size_t waiting() const { return waiting_; }
  std::size_t holding() const { return holding_; }  // admitted or under way

 private:
  struct ClientLine;
  // A job's place in the order. `job` points to its key in jobs_, which stays where it is.
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
    std::map<Ticket, ClientLine*> heads;  // the first of each client that has room
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
    std::optional<Ticket> head;  // as it stands in the Application's line
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
  void take_place(Entries::value_type& entry, Entry::State state);
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
