#include "controller/pods/template_rules.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "kube/api/object.hpp"
#include "kube/api/quantity.hpp"

namespace vbrain::controller {
namespace {

using kube::member_or_null;
using kube::text_or_empty;
using nlohmann::json;
using Fault = std::optional<std::string>;

bool is_true(const json& value) {
  return value.is_boolean() && value.get<bool>();
}

std::string sentence(std::initializer_list<std::string_view> parts) {
  std::string whole;
  for (const std::string_view part : parts) whole += part;
  return whole;
}

// The items of a list; none if the key is absent; a fault if it is not a list of objects.
Fault each(const json& object, std::string_view key, auto&& check) {
  const json& list = member_or_null(object, key);
  if (list.is_null()) return {};
  if (!list.is_array()) return sentence({key, " is not a list"});
  for (const json& item : list) {
    if (!item.is_object()) return sentence({key, " holds something that is not an object"});
    if (Fault fault = check(item)) return fault;
  }
  return {};
}

Fault check_secret(const std::string& name, std::string_view where, const TemplateLimits& limits) {
  if (std::ranges::find(limits.allowed_secrets, name) != limits.allowed_secrets.end()) return {};
  return sentence({where, " uses Secret '", name,
                   "', which templates may not use; allow it in controller.templateSecrets of the chart"});
}

Fault check_host_access(const json& spec) {
  for (const char* key : {"hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"}) {
    if (is_true(member_or_null(spec, key))) return sentence({key, " is not allowed"});
  }
  for (const char* key : {"fsGroup", "fsGroupChangePolicy"}) {
    if (!member_or_null(member_or_null(spec, "securityContext"), key).is_null()) {
      return sentence({"securityContext.", key, " is not allowed: it would change the owner of the shared volume"});
    }
  }
  if (!member_or_null(spec, "ephemeralContainers").is_null()) return "ephemeralContainers is not allowed";
  return {};
}

// The kernel settings that belong to the pod alone (Pod Security `baseline`).
constexpr std::array<std::string_view, 10> kHarmlessSysctls = {
    "kernel.shm_rmid_forced",           "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports", "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",        "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",     "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",      "net.ipv4.tcp_syncookies"};

Fault check_sysctls(const json& spec) {
  return each(member_or_null(spec, "securityContext"), "sysctls", [](const json& setting) -> Fault {
    const std::string name = text_or_empty(setting, "name");
    if (std::ranges::find(kHarmlessSysctls, name) != kHarmlessSysctls.end()) return {};
    return sentence({"the pod: sysctl ", name, " is not allowed"});
  });
}

// The way to set AppArmor before Kubernetes 1.30, which newer ones still read.
constexpr std::string_view kAppArmorPrefix = "container.apparmor.security.beta.kubernetes.io/";

Fault check_annotations(const json& pod_template) {
  const json& annotations = member_or_null(member_or_null(pod_template, "metadata"), "annotations");
  if (!annotations.is_object()) return {};
  for (const auto& [key, value] : annotations.items()) {
    if (!key.starts_with(kAppArmorPrefix)) continue;
    const std::string profile = value.is_string() ? value.get<std::string>() : std::string();
    if (profile == "runtime/default" || profile.starts_with("localhost/")) continue;
    return sentence(
        {"annotation ", key, ": ", value.dump(), " is not allowed; leave it out for the runtime's default"});
  }
  return {};
}

// The capabilities that Pod Security `baseline` lets a container add.
constexpr std::array<std::string_view, 13> kHarmlessCapabilities = {
    "AUDIT_WRITE",      "CHOWN",   "DAC_OVERRIDE", "FOWNER",  "FSETID", "KILL",      "MKNOD",
    "NET_BIND_SERVICE", "SETFCAP", "SETGID",       "SETPCAP", "SETUID", "SYS_CHROOT"};

// What Pod Security `baseline` refuses in the securityContext of a pod or container. With SYS_ADMIN or DAC_READ_SEARCH,
// for example, a process gets from the folders that it has mounted to the rest of the volume. The namespace may not
// enforce Pod Security, so it is refused here.
Fault check_security_context(const json& context, const std::string& where) {
  if (is_true(member_or_null(context, "privileged"))) return sentence({where, " is privileged"});
  if (is_true(member_or_null(member_or_null(context, "windowsOptions"), "hostProcess"))) {
    return sentence({where, ": hostProcess is not allowed"});
  }
  for (const char* key : {"seccompProfile", "appArmorProfile"}) {
    if (text_or_empty(member_or_null(context, key), "type") == "Unconfined") {
      return sentence({where, ": ", key, " Unconfined is not allowed; leave it out for the runtime's default"});
    }
  }
  // With another label SELinux would let it read files of the node or of other pods.
  if (const json& label = member_or_null(context, "seLinuxOptions"); label.is_object() && !label.empty()) {
    return sentence({where, ": seLinuxOptions is not allowed; leave it out for the runtime's own label"});
  }
  const std::string proc = text_or_empty(context, "procMount");
  if (!proc.empty() && proc != "Default") return sentence({where, ": procMount ", proc, " is not allowed"});
  const json& added = member_or_null(member_or_null(context, "capabilities"), "add");
  if (!added.is_array()) return {};
  for (const json& name : added) {
    const bool harmless = name.is_string() && std::ranges::find(kHarmlessCapabilities, name.get<std::string>()) !=
                                                  kHarmlessCapabilities.end();
    if (!harmless) return sentence({where, ": capability ", name.dump(), " is not allowed"});
  }
  return {};
}

// The sources that give no right. Others give tokens or certificates of the pod's ServiceAccount.
constexpr std::array<std::string_view, 4> kProjectedKinds = {"clusterTrustBundle", "configMap", "downwardAPI",
                                                             "secret"};

Fault check_projected(const json& volume, const std::string& where, const TemplateLimits& limits) {
  return each(member_or_null(volume, "projected"), "sources", [&](const json& source) -> Fault {
    if (!member_or_null(source, "serviceAccountToken").is_null())
      return sentence({where, " asks for a service-account token"});
    for (const auto& [kind, value] : source.items()) {
      if (value.is_null() || std::ranges::find(kProjectedKinds, kind) != kProjectedKinds.end()) continue;
      return sentence({where, ": projected ", kind, " is not allowed"});
    }
    if (const json& secret = member_or_null(source, "secret"); !secret.is_null()) {
      return check_secret(text_or_empty(secret, "name"), where, limits);
    }
    return {};
  });
}

// The API server answers a wrong quantity with a regular expression and without the field.
Fault check_quantity(const json& value, const std::string& where) {
  if (value.is_null() || value.is_number() || (value.is_string() && kube::is_quantity(value.get<std::string>()))) {
    return {};
  }
  return sentence({where, ": ", value.dump(), " is not a quantity such as 500m, 64Mi or 1G"});
}

Fault check_quantities(const json& object, const std::string& where) {
  if (!object.is_object()) return {};
  for (const auto& [name, value] : object.items()) {
    if (Fault fault = check_quantity(value, where + "." + name)) return fault;
  }
  return {};
}

// `owner` has a field `resources`.
Fault check_resources(const json& owner, const std::string& where) {
  const json& resources = member_or_null(owner, "resources");
  for (const char* key : {"limits", "requests"}) {
    if (Fault fault = check_quantities(member_or_null(resources, key), sentence({where, " resources.", key}))) {
      return fault;
    }
  }
  return {};
}

// The volume types that Pod Security `restricted` allows. All others use the host or a separate disk.
constexpr std::array<std::string_view, 8> kVolumeKinds = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"};

Fault check_volume(const json& volume, const TemplateLimits& limits) {
  const std::string name = text_or_empty(volume, "name");
  const std::string where = sentence({"volume '", name, "'"});
  if (name.starts_with(kVolumePrefix)) return sentence({where, ": names beginning with vbrain- are reserved"});
  for (const auto& [key, value] : volume.items()) {
    if (key == "name" || value.is_null()) continue;
    if (std::ranges::find(kVolumeKinds, key) == kVolumeKinds.end())
      return sentence({where, ": ", key, " is not allowed"});
  }
  if (text_or_empty(member_or_null(volume, "persistentVolumeClaim"), "claimName") == limits.volume_claim) {
    return sentence({where, " mounts the shared claim '", limits.volume_claim, "'"});
  }
  const json& claim_spec =
      member_or_null(member_or_null(member_or_null(volume, "ephemeral"), "volumeClaimTemplate"), "spec");
  if (Fault fault = check_resources(claim_spec, where)) return fault;
  if (Fault fault = check_quantity(member_or_null(member_or_null(volume, "emptyDir"), "sizeLimit"),
                                   where + " emptyDir.sizeLimit")) {
    return fault;
  }
  for (const char* key : {"dataSource", "dataSourceRef"}) {
    if (text_or_empty(member_or_null(claim_spec, key), "name") == limits.volume_claim) {
      return sentence({where, " copies the shared claim '", limits.volume_claim, "'"});
    }
  }
  if (const json& secret = member_or_null(volume, "secret"); !secret.is_null()) {
    if (Fault fault = check_secret(text_or_empty(secret, "secretName"), where, limits)) return fault;
  }
  if (const json& secret = member_or_null(member_or_null(volume, "csi"), "nodePublishSecretRef"); !secret.is_null()) {
    if (Fault fault = check_secret(text_or_empty(secret, "name"), where, limits)) return fault;
  }
  return check_projected(volume, where, limits);
}

bool lies_below_mount_root(std::string path) {
  // "//vbrain/./x" is another spelling of /vbrain/x.
  std::string plain;
  for (std::size_t i = 0; i < path.size();) {
    const std::size_t end = std::min(path.find('/', i), path.size());
    const std::string part = path.substr(i, end - i);
    if (part == "..") return true;
    if (!part.empty() && part != ".") plain += "/" + part;
    i = end + 1;
  }
  return plain == kMountRoot || plain.starts_with(std::string(kMountRoot) + "/");
}

// The kubelet makes these calls from the node, where it reaches what no pod may reach. Without `host` it calls the pod.
Fault check_handler(const json& handler, const std::string& where) {
  for (const char* kind : {"httpGet", "tcpSocket"}) {
    const json& host = member_or_null(member_or_null(handler, kind), "host");
    if (host.is_null() || host == "") continue;
    return sentence({where, ": ", kind, ".host is not allowed; leave it out for the address of the pod"});
  }
  return {};
}

Fault check_calls_of_the_kubelet(const json& container, const std::string& where) {
  for (const char* probe : {"startupProbe", "livenessProbe", "readinessProbe"}) {
    if (Fault fault = check_handler(member_or_null(container, probe), sentence({where, " ", probe}))) return fault;
  }
  const json& hooks = member_or_null(container, "lifecycle");
  for (const char* hook : {"postStart", "preStop"}) {
    if (Fault fault = check_handler(member_or_null(hooks, hook), sentence({where, " lifecycle.", hook}))) return fault;
  }
  return {};
}

Fault check_container(const json& container, const TemplateLimits& limits) {
  const std::string where = sentence({"container '", text_or_empty(container, "name"), "'"});
  const json& context = member_or_null(container, "securityContext");
  if (!context.is_null() && !context.is_object()) return sentence({where, ": securityContext is not an object"});
  if (Fault fault = check_security_context(context, where)) return fault;
  if (Fault fault = check_calls_of_the_kubelet(container, where)) return fault;
  if (Fault fault = each(container, "ports", [&](const json& port) -> Fault {
        const json& on_node = member_or_null(port, "hostPort");
        if (on_node.is_null() || on_node == 0) return {};
        return sentence({where, ": hostPort is not allowed"});
      })) {
    return fault;
  }
  if (Fault fault = check_resources(container, where)) return fault;
  if (Fault fault = each(container, "volumeMounts", [&](const json& mount) -> Fault {
        // We add ours to the pod: the shared one, mounted by its name, would show the files of all tenants.
        if (const std::string volume = text_or_empty(mount, "name"); volume.starts_with(kVolumePrefix)) {
          return sentence({where, " mounts '", volume, "': volume names beginning with vbrain- are reserved"});
        }
        if (lies_below_mount_root(text_or_empty(mount, "mountPath"))) {
          return sentence({where, " mounts something at or below /vbrain"});
        }
        return {};
      })) {
    return fault;
  }
  if (Fault fault = each(container, "env", [&](const json& entry) -> Fault {
        // YAML 1.1 reads an unquoted NO, yes or on as a boolean, and 1 as a number.
        if (!member_or_null(entry, "name").is_string()) {
          return sentence({where, " has a variable in env whose name is not text: quote it"});
        }
        const json& secret = member_or_null(member_or_null(entry, "valueFrom"), "secretKeyRef");
        return secret.is_null() ? Fault{} : check_secret(text_or_empty(secret, "name"), where, limits);
      })) {
    return fault;
  }
  return each(container, "envFrom", [&](const json& entry) -> Fault {
    const json& secret = member_or_null(entry, "secretRef");
    return secret.is_null() ? Fault{} : check_secret(text_or_empty(secret, "name"), where, limits);
  });
}

bool is_list_of_strings(const json& value) {
  return value.is_array() && std::ranges::all_of(value, [](const json& item) { return item.is_string(); });
}

Fault check_main(const json& spec) {
  const json& containers = member_or_null(spec, "containers");
  if (!containers.is_array()) return "it has no containers";
  const auto is_main = [](const json& container) { return text_or_empty(container, "name") == kMainContainer; };
  if (std::ranges::count_if(containers, is_main) != 1) return "exactly one container must be called 'main'";
  const json& main = *std::ranges::find_if(containers, is_main);
  const json& command = member_or_null(main, "command");
  if (!is_list_of_strings(command) || command.empty()) return "container 'main' must name its command";
  const json& args = member_or_null(main, "args");
  if (!args.is_null() && !is_list_of_strings(args)) return "args of container 'main' is not a list of strings";
  return {};
}

}  // namespace

std::optional<std::string> find_template_fault(const json& pod_template, const TemplateLimits& limits) {
  const json& spec = member_or_null(pod_template, "spec");
  if (!spec.is_object()) return "it has no spec";
  if (Fault fault = check_annotations(pod_template)) return fault;
  if (Fault fault = check_host_access(spec)) return fault;
  // vBrain adds fields to it, and would replace what is not an object.
  if (const json& context = member_or_null(spec, "securityContext"); !context.is_null() && !context.is_object()) {
    return "securityContext is not an object";
  }
  if (Fault fault = check_security_context(member_or_null(spec, "securityContext"), "the pod")) return fault;
  if (Fault fault = check_sysctls(spec)) return fault;
  if (Fault fault = check_resources(spec, "spec")) return fault;
  if (Fault fault = each(spec, "volumes", [&](const json& volume) { return check_volume(volume, limits); })) {
    return fault;
  }
  if (Fault fault = each(spec, "imagePullSecrets", [&](const json& secret) {
        return check_secret(text_or_empty(secret, "name"), "imagePullSecrets", limits);
      })) {
    return fault;
  }
  for (const char* key : {"initContainers", "containers"}) {
    if (Fault fault = each(spec, key, [&](const json& container) { return check_container(container, limits); })) {
      return fault;
    }
  }
  return check_main(spec);
}

}  // namespace vbrain::controller
