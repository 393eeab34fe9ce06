#include "artifacts/records/job_file.hpp"

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <unordered_map>

#include "artifacts/records/json_fields.hpp"
#include "artifacts/records/raw_json.hpp"
#include "base/json/json.hpp"
#include "base/text/traceparent.hpp"

namespace vbrain::artifacts {
namespace {

constexpr base::JsonLimits kLimits{.depth = 72, .elements = 2'000'000};

// Writes members in a fixed order, and values of users as the bytes that they sent.
class Writer {
 public:
  void raw(std::string_view key, std::string_view value) {
    text_ += text_.empty() ? "{" : ",";
    text_ += base::quote_json(key);
    text_ += ':';
    text_ += value;
  }
  void text(std::string_view key, std::string_view value) { raw(key, base::quote_json(value)); }
  void number(std::string_view key, std::int64_t value) { raw(key, std::to_string(value)); }
  void time(std::string_view key, base::TimePoint value) { text(key, base::format_rfc3339(value)); }
  // An object as given; checked, since a mistake here would make the file unreadable for good.
  void object(std::string_view key, std::string_view value) {
    if (!split_object(value, kLimits)) throw std::invalid_argument(std::string(key) + " is not a JSON object");
    raw(key, value);
  }
  void input(const std::vector<InputFile>& files) {
    std::string list = "[";
    for (const InputFile& file : files) {
      if (list.size() > 1) list += ',';
      list += "{\"name\":" + base::quote_json(file.name) + ",\"bytes\":" + std::to_string(file.bytes) +
              ",\"sha256\":" + base::quote_json(file.sha256);
      if (file.modified) list += ",\"modified\":" + base::quote_json(base::format_rfc3339(*file.modified));
      list += '}';
    }
    raw("input", list + "]");
  }
  void empty_folders(const std::vector<std::string>& folders) {
    if (folders.empty()) return;
    std::string list = "[";
    for (const std::string& folder : folders) list += (list.size() > 1 ? "," : "") + base::quote_json(folder);
    raw("empty_folders", list + "]");
  }
  void unknown(std::string_view members) {
    const auto split = split_object(members, kLimits);
    if (!split) throw std::invalid_argument("unknown members are not a JSON object");
    for (const auto& [key, value] : *split) raw(key, value);
  }
  std::string finish() { return text_ + "}\n"; }

 private:
  std::string text_;
};

// A file's members by name; members that are not read stay in it as unknown.
class Reader {
 public:
  explicit Reader(std::string_view text) {
    auto members = split_object(text, kLimits);
    if (!members) throw fields::Malformed{members.error()};
    members_ = std::move(*members);
    for (const auto& [name, value] : members_) {
      // Objects are user data: kept as text, without a tree.
      tree_[name] = value.starts_with('{') ? nlohmann::json::object() : nlohmann::json::parse(value);
    }
    fields::require_format(tree_);
    known_.insert("format");
  }
  const nlohmann::json& tree(const char* member) {
    known_.insert(member);
    return tree_;
  }
  std::string text(const char* member, std::size_t limit) { return fields::text(tree(member), member, limit); }
  std::string object(const char* member) {
    const nlohmann::json* value = fields::find(tree(member), member);
    if (value == nullptr) return "{}";
    if (!value->is_object()) fields::refuse(member, "is not an object");
    const auto found = std::find_if(members_.begin(), members_.end(), [&](const auto& m) { return m.first == member; });
    return std::string(found->second);
  }
  std::vector<InputFile> input() {
    std::vector<InputFile> files;
    const nlohmann::json* list = fields::find(tree("input"), "input");
    if (list == nullptr) return files;
    if (!list->is_array()) fields::refuse("input", "is not a list");
    for (const nlohmann::json& file : *list) {
      if (!file.is_object()) fields::refuse("input", "has an element that is not an object");
      files.push_back(
          {fields::text(file, "name", 16'384), fields::size(file, "bytes"), fields::sha256(file, "sha256", true)});
      if (fields::find(file, "modified") != nullptr) files.back().modified = fields::time(file, "modified");
    }
    return files;
  }
  std::vector<std::string> empty_folders() {
    std::vector<std::string> folders;
    const nlohmann::json* list = fields::find(tree("empty_folders"), "empty_folders");
    if (list == nullptr) return folders;
    if (!list->is_array()) fields::refuse("empty_folders", "is not a list");
    for (const nlohmann::json& folder : *list) {
      if (!folder.is_string()) fields::refuse("empty_folders", "holds something else");
      folders.push_back(folder.get<std::string>());
    }
    return folders;
  }
  std::string unknown() const {
    RawMembers rest;
    for (const auto& member : members_) {
      if (!known_.contains(member.first)) rest.push_back(member);
    }
    return join_object(rest);
  }

 private:
  nlohmann::json tree_ = nlohmann::json::object();
  RawMembers members_;
  std::set<std::string, std::less<>> known_;
};

std::string id(Reader& reader, const char* member, bool (*is_legal)(std::string_view)) {
  std::string value = reader.text(member, 255);
  if (!is_legal(value)) fields::refuse(member, "is not legal");
  return value;
}

JobFile read_job(std::string_view text) {
  Reader reader(text);
  JobFile file;
  file.job_id = id(reader, "job_id", is_job_folder_name);
  file.tenant = {id(reader, "organization_id", is_name), id(reader, "application_id", is_name),
                 id(reader, "client_id", is_name)};
  file.repository_id = reader.text("repository_id", 255);
  if (!file.repository_id.empty() && !is_repository_id(file.repository_id)) {
    fields::refuse("repository_id", "is not legal");
  }
  file.created_on = fields::time(reader.tree("created_on"), "created_on");
  file.created_by = reader.text("created_by", 255);
  file.params = reader.object("params");
  file.metadata = reader.object("metadata");
  const std::string from = reader.text("inputFrom", 32);
  if (from != "repository" && from != "job") fields::refuse("inputFrom", "is unknown");
  file.input_from = from == "job" ? JobFile::InputFrom::kJob : JobFile::InputFrom::kRepository;
  file.input = reader.input();
  file.priority = static_cast<std::int32_t>(fields::integer(reader.tree("priority"), "priority", INT32_MIN, INT32_MAX));
  file.traceparent = reader.text("traceparent", 255);
  if (!base::is_traceparent(file.traceparent)) file.traceparent.clear();
  file.callback_url = reader.text("callback_url", 2'048);
  file.unknown = reader.unknown();
  return file;
}

RepositoryFile read_repository(std::string_view text) {
  Reader reader(text);
  RepositoryFile file;
  file.repository_id = id(reader, "repository_id", is_repository_id);
  file.created_on = fields::time(reader.tree("created_on"), "created_on");
  file.created_by = reader.text("created_by", 255);
  file.name = reader.text("name", 1U << 20);
  file.params = reader.object("params");
  file.metadata = reader.object("metadata");
  file.input = reader.input();
  file.empty_folders = reader.empty_folders();
  file.unknown = reader.unknown();
  return file;
}

template <class File>
Result<File, std::string> decode(std::string_view text, File (*read)(std::string_view)) {
  if (text.size() > kJobFileLimit) return Unexpected<std::string>("longer than 64 MiB");
  try {
    return read(text);
  } catch (const fields::Malformed& malformed) {
    return Unexpected<std::string>(malformed.reason);
  }
}

}  // namespace

base::RequestIds JobFile::ids() const {
  return {.request_id = {}, .trace_id = std::string(base::trace_id_of(traceparent))};
}

std::string encode(const JobFile& file) {
  Writer writer;
  writer.number("format", 1);
  writer.text("job_id", file.job_id);
  writer.text("organization_id", file.tenant.organization);
  writer.text("application_id", file.tenant.application);
  writer.text("client_id", file.tenant.client);
  writer.text("repository_id", file.repository_id);
  writer.time("created_on", file.created_on);
  writer.text("created_by", file.created_by);
  writer.object("params", file.params);
  writer.object("metadata", file.metadata);
  writer.text("inputFrom", file.input_from == JobFile::InputFrom::kJob ? "job" : "repository");
  writer.input(file.input);
  writer.number("priority", file.priority);
  if (!file.traceparent.empty()) writer.text("traceparent", file.traceparent);
  if (!file.callback_url.empty()) writer.text("callback_url", file.callback_url);
  writer.unknown(file.unknown);
  return writer.finish();
}

std::string encode(const RepositoryFile& file) {
  Writer writer;
  writer.number("format", 1);
  writer.text("repository_id", file.repository_id);
  writer.time("created_on", file.created_on);
  writer.text("created_by", file.created_by);
  writer.text("name", file.name);
  writer.object("params", file.params);
  writer.object("metadata", file.metadata);
  writer.input(file.input);
  writer.empty_folders(file.empty_folders);
  writer.unknown(file.unknown);
  return writer.finish();
}

Result<JobFile, std::string> decode_job_file(std::string_view text) {
  return decode(text, read_job);
}

Result<RepositoryFile, std::string> decode_repository_file(std::string_view text) {
  return decode(text, read_repository);
}

}  // namespace vbrain::artifacts
