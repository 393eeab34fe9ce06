#include "http/client/resolve.hpp"

#include <netdb.h>
#include <netinet/in.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "base/tls/pem.hpp"

namespace vbrain::http {
namespace {

using Failure = Unexpected<std::string>;
using Found = Result<std::vector<IpAddress>, std::string>;
using Addresses = std::unique_ptr<addrinfo, base::FreeWith<&freeaddrinfo>>;

constexpr std::size_t kMostAddresses = 32;
constexpr int kMostAtOnce = 64;

IpAddress address_of(const addrinfo& found) {
  IpAddress address;
  if (found.ai_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(found.ai_addr);
    std::memcpy(address.bytes.data(), &v6->sin6_addr, 16);
    return address;
  }
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(found.ai_addr);
  address.bytes[10] = address.bytes[11] = 0xff;
  std::memcpy(address.bytes.data() + 12, &v4->sin_addr, 4);
  return address;
}

Found look_up(const std::string& host) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &wanted, &first);
  const Addresses all(first);
  if (failed != 0) return Failure("the host '" + host + "' was not resolved: " + ::gai_strerror(failed));
  std::vector<IpAddress> addresses;
  for (const addrinfo* it = all.get(); it != nullptr; it = it->ai_next) {
    if (it->ai_family == AF_INET || it->ai_family == AF_INET6) addresses.push_back(address_of(*it));
  }
  if (addresses.empty() || addresses.size() > kMostAddresses) {
    return Failure("the host '" + host + "' has " + std::to_string(addresses.size()) + " addresses");
  }
  return addresses;
}

// What the caller, who may have left, and the thread have in common.
struct Lookup {
  std::string host;
  std::mutex mutex;
  std::condition_variable_any done;
  std::optional<Found> found;
};

}  // namespace

Found resolve(const std::string& host, std::chrono::steady_clock::time_point deadline, std::stop_token stop) {
  static std::atomic<int> at_work{0};
  if (++at_work > kMostAtOnce) {
    --at_work;
    return Failure("the system's resolver does not answer; " + std::to_string(kMostAtOnce) + " look-ups wait for it");
  }
  const auto lookup = std::make_shared<Lookup>();
  lookup->host = host;
  try {
    std::thread([lookup] {
      Found found = look_up(lookup->host);
      --at_work;
      const std::lock_guard lock(lookup->mutex);
      lookup->found = std::move(found);
      lookup->done.notify_all();
    }).detach();
  } catch (const std::system_error& problem) {
    --at_work;
    return Failure(std::string("no thread for the resolver: ") + problem.what());
  }
  std::unique_lock lock(lookup->mutex);
  lookup->done.wait_until(lock, std::move(stop), deadline, [&] { return lookup->found.has_value(); });
  return lookup->found ? *lookup->found : Found(Failure(""));
}

}  // namespace vbrain::http
