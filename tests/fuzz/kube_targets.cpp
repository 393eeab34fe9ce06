#include <sys/mman.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "artifacts/files/safe_open.hpp"
#include "fuzz/fuzz.hpp"
#include "job/application.hpp"
#include "job/client.hpp"
#include "job/job.hpp"
#include "job/key.hpp"
#include "kube/api/config.hpp"
#include "kube/api/error.hpp"
#include "kube/api/json_cut.hpp"
#include "kube/api/pod.hpp"
#include "kube/api/quantity.hpp"
#include "kube/cache/watch_decoder.hpp"
#include "kube/runtime/lease.hpp"

namespace vbrain::fuzz {
namespace {

using nlohmann::json;

template <class T>
void decode(const json& object) {
  try {
    static_cast<void>(T::decode(object));
  } catch (const kube::DecodeError& error) {
    require(*error.what() != '\0', "a refusal has words");
  }
}

// A text of the API server as its tree, which leaves out what nobody reads.
void require_same_tree(std::string_view input, const json& object) {
  const auto tree = kube::parse_object(input, {});
  if (!tree) return;
  json whole = object;
  if (whole.is_object() && whole.contains("metadata") && whole["metadata"].is_object()) {
    whole["metadata"].erase("managedFields");
  }
  require(*tree == whole, "another parser reads the same");
}

// Custom resources, which every kubectl user with the right can write, pods and Leases.
void run_resources(std::string_view input) {
  const json object = json::parse(input, nullptr, false);
  if (object.is_discarded()) return;
  decode<job::Job>(object);
  decode<job::Application>(object);
  decode<job::Client>(object);
  decode<job::Key>(object);
  decode<kube::Pod>(object);
  decode<kube::Lease>(object);
  require_same_tree(input, object);
}

void run_quantity(std::string_view input) {
  const auto bytes = kube::parse_quantity(input);
  if (!bytes) return;
  require(*bytes >= 0, "a quantity is no debt");
  require(kube::is_quantity(input), "what is read is one that the API server takes");
  require(kube::parse_quantity(kube::format_quantity(*bytes)) == *bytes || *bytes >= std::int64_t{1} << 53,
          "a quantity is read as it was written");
}

std::string watch(std::string_view input, std::size_t piece) {
  kube::WatchDecoder decoder(4096);
  std::string seen;
  while (!input.empty()) {
    const auto more = decoder.feed(input.substr(0, piece), [&](const kube::WatchEvent& event) {
      seen += std::to_string(static_cast<int>(event.type)) + std::string(event.object) + "\n";
      return true;
    });
    if (!more) return seen + "error";
    input.remove_prefix(std::min(piece, input.size()));
  }
  return seen;
}

void run_watch(std::string_view input) {
  const std::string whole = watch(input, input.size());
  require(whole == watch(input, 1) && whole == watch(input, 11), "pieces change nothing");
  const auto is_part = [&](std::string_view object) {
    return object.starts_with('{') && object.data() >= input.data() &&
           object.data() + object.size() <= input.data() + input.size();
  };
  if (const auto list = kube::cut_list(input)) {
    for (const std::string_view item : list->items) {
      require(is_part(item), "an item is a part of its list");
      static_cast<void>(kube::parse_object(item, "template"));
    }
  }
  if (const auto event = kube::cut_event(input)) require(is_part(event->object), "an object is a part of its event");
  static_cast<void>(kube::error_from_response(409, input, input));
}

void run_kubeconfig(std::string_view input) {
  const artifacts::Fd fd(memfd_create("fuzz", MFD_CLOEXEC));
  artifacts::write_all(fd.get(), input);
  const auto config = kube::load_kubeconfig("/proc/self/fd/" + std::to_string(fd.get()));
  if (!config) {
    require(!config.error().empty(), "a refusal has words");
  } else {
    require(config->server.starts_with("https://"), "a server is https");
  }
}

}  // namespace

std::vector<Target> kube_targets() {
  const std::string job =
      R"({"apiVersion":"vbrain.visagio.com/v1","kind":"Job","metadata":{"name":"j","namespace":"n","uid":"u","resourceVersion":"7","creationTimestamp":"2026-01-01T00:00:00Z","finalizers":["f"],"labels":{"a":"b"},"managedFields":[{"x":1}]},"spec":{"organization":"acme","organizationId":"acme","applicationId":"Tutorial","clientId":"north","repositoryId":"202009231629398695","username":"ana","priority":1,"suspend":false,"cancel":false},"status":{"phase":"Started","attempts":1,"conditions":[{"type":"Complete","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z","reason":"r","message":"m"}],"acceptedAttempt":1,"startTime":"2026-01-01T00:00:00Z"}})";
  const std::string application =
      R"({"metadata":{"name":"tutorial","resourceVersion":"1"},"spec":{"applicationId":"Tutorial","organizations":["*"],"template":{"spec":{"containers":[{"name":"main","image":"i","command":["c"]}]}},"backoffLimit":2,"activeDeadlineSeconds":60}})";
  const std::string client =
      R"({"metadata":{"name":"c","resourceVersion":"1"},"spec":{"organizationId":"acme","applicationId":"Tutorial","clientId":"north","members":[{"username":"ana","role":"leader","keys":[{"id":"abc1","sha256":")" +
      std::string(64, 'a') + R"(","expiresAt":"2030-01-01T00:00:00Z"}]}]}})";
  const std::string pod =
      R"({"metadata":{"name":"p","resourceVersion":"1","ownerReferences":[{"apiVersion":"v1","kind":"Job","name":"j","uid":"u","controller":true}]},"spec":{"nodeName":"n"},"status":{"phase":"Failed","containerStatuses":[{"name":"main","state":{"terminated":{"exitCode":3,"reason":"Error","message":"{}"}}}]}})";
  const std::string key =
      R"({"metadata":{"name":"abc1","uid":"u","resourceVersion":"1","ownerReferences":[{"apiVersion":"v","kind":"Client","name":"c","uid":"u"}]},"spec":{"organizationId":"acme","applicationId":"Tutorial","clientId":"north","username":"ana","sha256":")" +
      std::string(64, 'a') +
      R"(","expiresAt":"2030-01-01T00:00:00Z","createdBy":"ana","description":"x"},"status":{"lastUsedTime":"2026-01-01T00:00:00Z"}})";
  const std::string lease =
      R"({"metadata":{"name":"l","uid":"u","resourceVersion":"1"},"spec":{"holderIdentity":"a","leaseDurationSeconds":10,"acquireTime":"2026-01-01T00:00:00.000000Z","renewTime":"2026-01-01T00:00:00.000000Z","leaseTransitions":3}})";
  const std::vector<std::string> words = {"null",
                                          "{}",
                                          "[]",
                                          "\"\"",
                                          "-1",
                                          "99999999999999999999",
                                          "true",
                                          "\"status\":",
                                          "\"spec\":",
                                          "\"metadata\":",
                                          "\"managedFields\":",
                                          "1.5",
                                          "\"x\"",
                                          ",",
                                          ":"};
  return {
      {"resources", run_resources, {job, application, client, key, pod, lease}, words},
      {"quantity",
       run_quantity,
       {"64Mi", "1.5Gi", "128974848000m", "1e9", "9223372036854775807", ".5Ei"},
       {"Ki", "Mi", "Ei", "E", "e", "m", "n", "+", "-", ".", "0", "9999999999", "e30", "e-30"}},
      {"watch",
       run_watch,
       {R"({"type":"ADDED","object":)" + job + "}\n" +
            R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}})" + "\n",
        R"({"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"m"}})"
        "\n",
        R"({"metadata":{"resourceVersion":"5","continue":"c"},"items":[{"a":1},{"managedFields":[]}]})",
        R"({"kind":"Status","reason":"Invalid","details":{"retryAfterSeconds":3,"causes":[{"reason":"r","field":"f"}]}})"},
       {"\n", "\"type\":", "\"object\":", "\"items\":", "{", "}", "[", "]", "\"", "\\", "\\\"", ",", "3600"}},
      {"kubeconfig",
       run_kubeconfig,
       {"apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: c\n  cluster: {server: 'https://h:6443', "
        "certificate-authority-data: YWJj}\nusers:\n- name: u\n  user: {token: t}\ncontexts:\n- name: a\n  context: "
        "{cluster: c, "
        "user: u, namespace: n}\n",
        R"({"current-context":"a","clusters":[{"name":"c","cluster":{"server":"https://[::1]:1/"}}],"users":[{"name":"u","user":{"client-certificate-data":"YQ==","client-key-data":"YQ=="}}],"contexts":[{"name":"a","context":{"cluster":"c","user":"u"}}]})"},
       {"server: ", "https://", "http://", "insecure-skip-tls-verify: true", "exec: {}", "\n", "  ", "- ", "&a", "*a",
        "{", "}", "=", "token: ", "name: a"}},
  };
}

}  // namespace vbrain::fuzz
