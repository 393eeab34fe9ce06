#include "kube/api/config.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/files/text_file.hpp"
#include "base/json/yaml.hpp"
#include "base/text/base64.hpp"

namespace vbrain::kube {
namespace {

using nlohmann::json;
using Failure = tl::unexpected<std::string>;
using Text = Result<std::string, std::string>;

std::string trimmed(const std::string& text) {
  static constexpr const char* kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  return begin == std::string::npos ? std::string() : text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// One mapping of a kubeconfig file, with its title for error messages.
class Section {
 public:
  Section(const json& object, std::string title, std::filesystem::path folder)
      : object_(object), title_(std::move(title)), folder_(std::move(folder)) {}

  Text text(const char* key) const {
    const auto found = object_.find(key);
    if (found == object_.end() || found->is_null()) return std::string();
    if (!found->is_string()) return Failure(title_ + ": " + key + " is not text");
    return found->get<std::string>();
  }

  bool has(const char* key) const {
    const auto found = object_.find(key);
    if (found == object_.end() || found->is_null()) return false;
    if (found->is_boolean()) return found->get<bool>();
    return !(found->is_string() && found->get_ref<const std::string&>().empty());
  }

  std::filesystem::path path(const std::string& name) const {
    const std::filesystem::path given(name);
    return given.is_absolute() ? given : folder_ / given;
  }

  // `<key>-data` in base64, or the file that `<key>` names, which is added to `files`. If both are there, the data is
  // used, as in client-go.
  Text pem(const std::string& key, std::vector<std::filesystem::path>& files) const {
    const Text data = text((key + "-data").c_str());
    if (!data) return data;
    if (!data->empty()) {
      const auto decoded = base::decode_base64(*data);
      if (!decoded) return Failure(title_ + ": " + key + "-data is not base64");
      return *decoded;
    }
    const Text name = text(key.c_str());
    if (!name || name->empty()) return name;
    files.push_back(path(*name));
    Text content = base::read_text_file(files.back());
    if (!content) return Failure(title_ + ": " + key + ": " + content.error());
    return content;
  }

  const std::string& title() const { return title_; }

 private:
  const json& object_;
  std::string title_;
  std::filesystem::path folder_;
};

// The member `inner` of the entry of `list` with this name; null if there is none.
const json* find_named(const json& file, const char* list, const std::string& name, const char* inner) {
  const auto entries = file.find(list);
  if (entries == file.end() || !entries->is_array()) return nullptr;
  for (const json& entry : *entries) {
    if (!entry.is_object()) continue;
    const auto found = entry.find("name");
    if (found == entry.end() || !found->is_string() || found->get_ref<const std::string&>() != name) continue;
    const auto content = entry.find(inner);
    return content != entry.end() && content->is_object() ? &*content : nullptr;
  }
  return nullptr;
}

std::string refuse_server(const std::string& server) {
  if (server.empty()) return "no server";
  if (!server.starts_with("https://")) return "the server is not https, which is required";
  if (server.size() == 8 || server.find_first_of("@?# \t\r\n") != std::string::npos)
    return "the server is not of the form https://host:port";
  return {};
}

std::string read_cluster(const Section& cluster, Config& config) {
  static constexpr std::array<std::pair<const char*, const char*>, 3> kRefused{{
      {"insecure-skip-tls-verify", "the server's certificate is always verified; give certificate-authority"},
      {"tls-server-name", "not supported; use a server name that its certificate has"},
      {"proxy-url", "not supported"},
  }};
  for (const auto& [key, why] : kRefused) {
    if (cluster.has(key)) return cluster.title() + ": " + key + ": " + why;
  }
  const Text server = cluster.text("server");
  if (!server) return server.error();
  config.server = *server;
  while (config.server.ends_with('/')) config.server.pop_back();
  if (const std::string problem = refuse_server(config.server); !problem.empty()) {
    return cluster.title() + ": " + problem;
  }
  const Text authority = cluster.pem("certificate-authority", config.files);
  if (!authority) return authority.error();
  config.ca_pem = *authority;
  return {};
}

std::string read_user(const Section& user, Config& config) {
  static constexpr std::array<std::pair<const char*, const char*>, 8> kRefused{{
      {"exec", "credential plugins are not supported; use a token, tokenFile or client certificate"},
      {"auth-provider", "not supported; use a token, tokenFile or client certificate"},
      {"username", "passwords are not supported"},
      {"password", "passwords are not supported"},
      {"as", "impersonation is not supported"},
      {"as-uid", "impersonation is not supported"},
      {"as-groups", "impersonation is not supported"},
      {"as-user-extra", "impersonation is not supported"},
  }};
  for (const auto& [key, why] : kRefused) {
    if (user.has(key)) return user.title() + ": " + key + ": " + why;
  }
  const Text certificate = user.pem("client-certificate", config.files);
  if (!certificate) return certificate.error();
  const Text key = user.pem("client-key", config.files);
  if (!key) return key.error();
  if (certificate->empty() != key->empty()) {
    return user.title() + ": client-certificate and client-key go together";
  }
  config.client_cert_pem = *certificate;
  config.client_key_pem = *key;
  const Text token_file = user.text("tokenFile");
  if (!token_file) return token_file.error();
  if (!token_file->empty()) config.token_file = user.path(*token_file);
  const Text token = user.text("token");
  if (!token) return token.error();
  config.token = *token;
  if (!config.token_file.empty()) {
    if (const Text content = base::read_text_file(config.token_file); !content)
      return user.title() + ": " + content.error();
  }
  return {};
}

}  // namespace

std::optional<std::string> process_env(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

ConfigResult load_in_cluster(const std::filesystem::path& folder, const GetEnv& env) {
  const std::string host = env("KUBERNETES_SERVICE_HOST").value_or("");
  const std::string port = env("KUBERNETES_SERVICE_PORT").value_or("");
  if (host.empty() || port.empty()) {
    return Failure("not in a pod: KUBERNETES_SERVICE_HOST or KUBERNETES_SERVICE_PORT is not set");
  }
  Config config;
  // cpprestsdk can't connect to an IPv6 literal. The certificate contains the name of the service, too.
  config.server = "https://" + (host.find(':') == std::string::npos ? host : "kubernetes.default.svc") + ":" + port;
  config.token_file = folder / "token";
  const Text token = base::read_text_file(config.token_file);
  if (!token) return Failure("ServiceAccount: " + token.error());
  config.token = trimmed(*token);
  config.service_account = folder;
  config.files = {folder / "ca.crt"};
  const Text authority = base::read_text_file(config.files.front());
  if (!authority) return Failure("ServiceAccount: " + authority.error());
  if (trimmed(*authority).empty()) return Failure("ServiceAccount: ca.crt is empty");
  config.ca_pem = *authority;
  if (const Text ns = base::read_text_file(folder / "namespace"); ns && !trimmed(*ns).empty()) {
    config.namespace_name = trimmed(*ns);
  }
  return config;
}

ConfigResult load_kubeconfig(const std::filesystem::path& file, std::string_view context) {
  const Text text = base::read_text_file(file);
  if (!text) return Failure(text.error());
  const auto parsed = base::parse_yaml(*text);
  const std::string where = "kubeconfig " + file.string();
  if (!parsed) return Failure(where + ": " + parsed.error());
  if (!parsed->is_object()) return Failure(where + ": not a mapping");
  const std::filesystem::path folder = std::filesystem::absolute(file).parent_path();

  const Text current = Section(*parsed, where, folder).text("current-context");
  if (!current) return Failure(current.error());
  const std::string context_name = context.empty() ? *current : std::string(context);
  if (context_name.empty()) return Failure(where + ": no context chosen and no current-context");
  const json* chosen = find_named(*parsed, "contexts", context_name, "context");
  if (chosen == nullptr) return Failure(where + ": no context '" + context_name + "'");

  const Section context_section(*chosen, where + ": context '" + context_name + "'", folder);
  const Text cluster_name = context_section.text("cluster");
  const Text user_name = context_section.text("user");
  const Text ns = context_section.text("namespace");
  for (const Text* part : {&cluster_name, &user_name, &ns}) {
    if (!*part) return Failure(part->error());
  }
  const json* cluster = find_named(*parsed, "clusters", *cluster_name, "cluster");
  if (cluster == nullptr) return Failure(where + ": no cluster '" + *cluster_name + "'");
  const json* user = find_named(*parsed, "users", *user_name, "user");
  if (user == nullptr) return Failure(where + ": no user '" + *user_name + "'");

  Config config;
  config.kubeconfig = std::filesystem::absolute(file);
  config.context = context_name;
  config.files = {config.kubeconfig};
  if (!ns->empty()) config.namespace_name = *ns;
  std::string problem = read_cluster({*cluster, where + ": cluster '" + *cluster_name + "'", folder}, config);
  if (problem.empty()) problem = read_user({*user, where + ": user '" + *user_name + "'", folder}, config);
  if (!problem.empty()) return Failure(problem);
  return config;
}

ConfigResult reload(const Config& config) {
  if (!config.kubeconfig.empty()) return load_kubeconfig(config.kubeconfig, config.context);
  if (!config.service_account.empty()) return load_in_cluster(config.service_account);
  return Failure("the configuration was not read from files");
}

ConfigResult load_config(const std::filesystem::path& kubeconfig, std::string_view context, const GetEnv& env) {
  if (!kubeconfig.empty()) return load_kubeconfig(kubeconfig, context);
  if (const auto named = env("KUBECONFIG"); named && !named->empty()) {
    if (named->find(':') != std::string::npos) return Failure("KUBECONFIG names several files; give one");
    return load_kubeconfig(*named, context);
  }
  if (env("KUBERNETES_SERVICE_HOST")) return load_in_cluster(kServiceAccountFolder, env);
  const std::filesystem::path home = std::filesystem::path(env("HOME").value_or("")) / ".kube" / "config";
  std::error_code ignored;
  if (std::filesystem::exists(home, ignored)) return load_kubeconfig(home, context);
  return Failure(
      "no cluster: neither --kubeconfig nor KUBECONFIG is set, this is not a pod, and there is no ~/.kube/config");
}

}  // namespace vbrain::kube
