#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace vbrain::kube {

// Address and credentials for one API server. Certificates and keys are PEM texts.
struct Config {
  std::string server;       // "https://host:port", no path at the end
  std::string ca_pem = {};  // empty: the system's root certificates
  std::string client_cert_pem = {};
  std::string client_key_pem = {};
  std::string token = {};
  std::filesystem::path token_file = {};  // read again when it changes; used instead of `token`
  std::string namespace_name = "default";
  // Where all of this was read from, for reload(); empty in a Config that was made otherwise. `files` are the
  // kubeconfig and the files of certificates, keys and authorities, without the token's.
  std::filesystem::path kubeconfig = {};
  std::string context = {};
  std::filesystem::path service_account = {};
  std::vector<std::filesystem::path> files = {};
  std::string user_agent = "vbrain";  // the part before the first '/' becomes the field manager of writes
};

using ConfigResult = Result<Config, std::string>;

// The folder with the pod's ServiceAccount (Kubernetes docs, "Accessing the Kubernetes API from a Pod").
inline constexpr std::string_view kServiceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

using GetEnv = std::function<std::optional<std::string>(const char*)>;
std::optional<std::string> process_env(const char* name);

// Reads KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT and the files token, ca.crt and namespace of `folder`.
ConfigResult load_in_cluster(const std::filesystem::path& folder = kServiceAccountFolder,
                             const GetEnv& env = process_env);

// Reads a kubeconfig file (v1 Config) for `context`, or for its current-context. Relative paths in it start at the
// file's folder. Refuses with a sentence: insecure-skip-tls-verify, http servers, users with exec or auth-provider,
// user names with passwords, impersonation, tls-server-name, proxy-url.
ConfigResult load_kubeconfig(const std::filesystem::path& file, std::string_view context = {});

// Reads again what `config` was read from. An error if it was not read from files.
ConfigResult reload(const Config& config);

// The configuration of the first of these that is there: `kubeconfig`, $KUBECONFIG (one file), the pod's
// ServiceAccount, ~/.kube/config.
ConfigResult load_config(const std::filesystem::path& kubeconfig = {}, std::string_view context = {},
                         const GetEnv& env = process_env);

}  // namespace vbrain::kube
