#include "runner/job_json.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/json/json_reader.hpp"
#include "schema/schema.hpp"

namespace vbrain::runner {
namespace {

using artifacts::Dir;
using artifacts::Fd;
using base::JsonNext;
using base::JsonToken;

// The same as in artifacts::decode_job_file.
constexpr base::JsonLimits kLimits{.depth = 72, .elements = 2'000'000};
constexpr std::size_t kTextLimit = 255;  // of the names and values that are looked at; an id is not longer

constexpr std::string_view kResultSchema = "result_schema";

// One member of job.json while it is copied to its own file.
class Unfolded {
 public:
  Unfolded(const char* member, const char* file_name) : member_(member), file_name_(file_name) {}

  std::string_view member() const { return member_; }
  bool is_there() const { return static_cast<bool>(file_); }

  void open(const Dir& work) {
    work.remove_file(file_name_);
    auto file = work.create_file(file_name_);
    if (!file) throw artifacts::VolumeError(EEXIST, std::string("create ") + file_name_);
    file_ = std::move(*file);
  }
  // As if the member were absent.
  void drop() { file_ = Fd(); }
  void write(std::string_view bytes) { artifacts::write_all(file_.get(), bytes); }
  void close() {
    fchmod(file_.get(), 0444);
    file_ = Fd();
  }

 private:
  const char* member_;
  const char* file_name_;
  Fd file_;
};

class Unfolder final : public base::JsonHandler {
 public:
  explicit Unfolder(const Dir& work) : work_(work) {}

  JsonNext token(const JsonToken& token) override {
    if (token.depth == 0 && !token.is_end()) {
      return token.kind == JsonToken::Kind::kBeginObject ? JsonNext::kContinue : refuse("it is not an object");
    }
    if (token.depth != 1) return JsonNext::kContinue;
    if (token.kind == JsonToken::Kind::kKey) return key(token.text);
    if (copying_) return value(token);
    if (id_ != nullptr) return id(token);
    if (at_format_ && token.ends_value(1)) {
      at_format_ = false;
      has_format_ = true;
      if (token.kind != JsonToken::Kind::kNumber || token.text != "1") return refuse("format is not 1");
    }
    return JsonNext::kContinue;
  }

  void bytes(std::string_view piece) override {
    // A colon and white space precede the value, which is an object.
    if (!begun_) piece.remove_prefix(std::min(piece.find('{'), piece.size()));
    begun_ = begun_ || !piece.empty();
    if (copied_ != nullptr) return copied_->write(piece);
    if (ids_.result_schema.size() + piece.size() > schema::kSchemaLimit) schema_is_long_ = true;
    if (!schema_is_long_) ids_.result_schema += piece;
  }

  JobIds take_ids() { return std::move(ids_); }

  // The error in job.json; empty if there is none. Call it at the end.
  std::string finish() {
    if (problem_.empty() && !has_format_) problem_ = "format is missing";
    if (problem_.empty() && schema_is_long_) problem_ = "result_schema is too long";
    if (!problem_.empty()) return problem_;
    for (Unfolded& member : members_) {
      if (!member.is_there()) {
        member.open(work_);
        member.write("{}");
      }
      member.close();
    }
    return {};
  }

 private:
  JsonNext refuse(std::string problem) {
    problem_ = std::move(problem);
    return JsonNext::kStop;
  }

  JsonNext key(std::string_view name) {
    at_format_ = name == "format";
    id_ = nullptr;
    for (const auto& [member, target] : texts_) {
      if (name != member) continue;
      id_ = target;
      id_name_ = member;
    }
    if (name == kResultSchema) {
      if (!ids_.result_schema.empty()) return refuse(std::string(name) + " appears twice");
      copied_ = nullptr;
      copying_ = true;
      begun_ = false;
      return JsonNext::kBeginCopy;
    }
    for (Unfolded& member : members_) {
      if (name != member.member()) continue;
      if (member.is_there()) return refuse(std::string(name) + " appears twice");
      member.open(work_);
      copied_ = &member;
      copying_ = true;
      begun_ = false;
      return JsonNext::kBeginCopy;
    }
    return JsonNext::kContinue;
  }

  JsonNext id(const JsonToken& token) {
    const std::string name = id_name_;
    if (!id_->empty()) return refuse(name + " appears twice");
    if (token.kind == JsonToken::Kind::kString) {
      if (token.text_size > kTextLimit) return refuse(name + " is too long");
      *id_ = token.text;
    } else if (token.kind != JsonToken::Kind::kNull) {
      return refuse(name + " is not text");
    }
    id_ = nullptr;
    return JsonNext::kContinue;
  }

  JsonNext value(const JsonToken& token) {
    if (token.kind == JsonToken::Kind::kBeginObject) return JsonNext::kContinue;
    copying_ = false;
    if (token.kind == JsonToken::Kind::kEndObject) return JsonNext::kEndCopy;
    const std::string name(copied_ == nullptr ? kResultSchema : copied_->member());
    if (token.kind != JsonToken::Kind::kNull) return refuse(name + " is not an object");
    if (copied_ != nullptr) copied_->drop();
    return JsonNext::kEndCopy;
  }

  const Dir& work_;
  std::array<Unfolded, 2> members_{Unfolded("params", "params.json"), Unfolded("metadata", "metadata.json")};
  Unfolded* copied_ = nullptr;  // the member that is being copied; null: the schema
  bool copying_ = false;        // its value is not complete yet
  bool begun_ = false;          // its first byte has arrived
  bool schema_is_long_ = false;
  bool at_format_ = false;
  bool has_format_ = false;
  JobIds ids_;
  const std::array<std::pair<const char*, std::string*>, 3> texts_{
      {{"job_id", &ids_.job_id}, {"repository_id", &ids_.repository_id}, {"traceparent", &ids_.traceparent}}};
  std::string* id_ = nullptr;  // the one of texts_ whose value comes next
  const char* id_name_ = "";
  std::string problem_;
};

}  // namespace

Result<JobIds, std::string> unfold_job_json(int job_json, const Dir& work) {
  Unfolder unfolder(work);
  try {
    const auto read =
        base::read_json(job_json, unfolder, {.limits = kLimits, .strict_keys = false, .text_limit = kTextLimit});
    if (!read && read.error().kind != base::JsonError::Kind::kStopped) {
      return Unexpected<std::string>(read.error().message);
    }
  } catch (const artifacts::VolumeError&) {
    throw;
  } catch (const std::system_error& error) {
    throw artifacts::VolumeError(error.code().value(), "read job.json");
  }
  if (std::string problem = unfolder.finish(); !problem.empty()) return Unexpected<std::string>(std::move(problem));
  return unfolder.take_ids();
}

}  // namespace vbrain::runner
