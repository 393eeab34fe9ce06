// The multipart bodies of tests/corpus/forms: what real clients send for each case of cases.json.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "api-server/transfer/multipart.hpp"
#include "artifacts/archive/utf8.hpp"
#include "support/cpp/temp_dir.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using testing::HttpReply;
using testing::kMultipartType;
using testing::multipart;
using testing::World;
using vbrain::testing::read_file;

constexpr const char* kForms = VBRAIN_CORPUS "/forms";

json read_json_file(const fs::path& path) {
  return json::parse(read_file(path.string()));
}

// In the files each character of a body is one byte.
std::string bytes_of(const std::string& latin1) {
  std::string bytes;
  for (std::string_view rest = latin1; !rest.empty();) {
    bytes += static_cast<char>(artifacts::take_code_point(rest).value());
  }
  return bytes;
}

// A name with a backslash is a path of Windows.
std::string last_part(const std::string& name) {
  return name.substr(name.find_last_of("/\\") + 1);
}

// The names that differ from the one that the client was given, because it sends another.
const std::map<std::string, std::string> kOtherNames = {
    // Percent-encoded names in ASCII are left as they are: files have such names, too.
    {"aiohttp/backslash", "a%5Cb.csv"},           {"aiohttp/semicolon", "a%3Bb.csv"},
    {"aiohttp/percent", "50%25%20of%2520it.csv"}, {"apache5_extended/backslash", "a%5Cb.csv"},
    {"apache5_extended/semicolon", "a%3Bb.csv"},  {"apache5_extended/percent", "50%25%20of%2520it.csv"},
};

struct Sent {
  std::string client;
  json form;  // the case
  std::string content_type;
  std::string body;

  std::string name() const { return client + "/" + form["case"].get<std::string>(); }
  std::string filename() const {
    const auto other = kOtherNames.find(name());
    return other != kOtherNames.end() ? other->second : last_part(form["files"][0]["name"]);
  }
};

std::vector<Sent> all_sent() {
  const json cases = read_json_file(fs::path(kForms) / "cases.json");
  std::vector<Sent> all;
  for (const auto& file : fs::directory_iterator(kForms)) {
    if (file.path().filename() == "cases.json" || file.path().extension() != ".json") continue;
    const json requests = read_json_file(file.path());
    EXPECT_EQ(requests.size(), cases.size()) << file.path();
    for (std::size_t i = 0; i < std::min(requests.size(), cases.size()); ++i) {
      EXPECT_EQ(requests[i]["case"], cases[i]["case"]) << file.path();
      all.push_back({file.path().stem().string(), cases[i], requests[i]["content_type"],
                     bytes_of(requests[i]["body"].get<std::string>())});
    }
  }
  return all;
}

TEST(Forms, OfRealClientsAreTaken) {
  World world;
  const auto all = all_sent();
  EXPECT_GT(all.size(), 150U);
  for (const Sent& sent : all) {
    SCOPED_TRACE(sent.name());
    const HttpReply made = world.post("/api/v1/repository", sent.content_type, sent.body);
    const auto& files = sent.form["files"];
    if (files.size() > 1) {
      EXPECT_EQ(made.status, 400);
      // PHP has no two fields of one name.
      EXPECT_THAT(made.body, HasSubstr(sent.client == "php" ? "only file, upload_id, params and metadata are known"
                                                            : "sent twice; put several files into one ZIP"));
      continue;
    }
    EXPECT_EQ(made.status, 201) << made.body;
    if (made.status != 201) continue;
    const std::string id = made.json()["repository_id"];
    const json stored = world.get("/api/v1/repository/" + id).json();
    EXPECT_EQ(stored["params"], sent.form.contains("params"));
    if (sent.form.contains("params")) {
      const json params = world.get("/api/v1/repository/" + id + "/params").json();
      EXPECT_EQ(params, json::parse(sent.form["params"].get<std::string>())) << params;
    }
    if (sent.form.contains("metadata")) {
      EXPECT_EQ(stored["metadata"], json::parse(sent.form["metadata"].get<std::string>())) << stored;
    }
    if (files.empty()) {
      EXPECT_EQ(stored["input"], json::array());
      continue;
    }
    EXPECT_EQ(stored["input"], json::array({sent.filename()}));
    const fs::path file =
        fs::path(world.root) / "tenants/acme/Tutorial/north/repositories" / id / "input" / sent.filename();
    EXPECT_EQ(read_file(file.string()), files[0]["content"].get<std::string>());
  }
}

// Byte for byte what .NET's MultipartFormDataContent writes, and with it PowerShell 7 (-Form): the boundary is quoted,
// the type of a part comes first, names are not quoted, and a file has its name twice. Last, a body that scripts for
// PowerShell 5.1 join by hand and send as ISO-8859-1.
TEST(Forms, OfDotNetAndPowerShellAreTaken) {
  const std::string boundary = "5f0c2a52-3b1e-4a8e-9c55-0d1f6f3a7e21";
  const std::string quoted = "multipart/form-data; boundary=\"" + boundary + "\"";
  const auto text_part = [](const std::string& name, const std::string& value) {
    return "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=" + name + "\r\n\r\n" +
           value;
  };
  const auto file_part = [](const std::string& type, const std::string& names) {
    return type + "Content-Disposition: form-data; name=file; " + names + "\r\n\r\n1,2\n";
  };
  const std::string octets = "Content-Type: application/octet-stream\r\n";
  struct Case {
    const char* client;
    std::string content_type;
    std::vector<std::string> parts;
    std::string file;
  };
  const std::vector<Case> cases = {
      {".NET",
       quoted,
       {text_part("params", R"({"a": 1})"), file_part("", "filename=numbers.csv; filename*=utf-8''numbers.csv")},
       "numbers.csv"},
      {".NET, a name with accents",
       quoted,
       {file_part("Content-Type: text/csv\r\n",
                  "filename=\"=?utf-8?B?cmVsYXTDs3Jpby5jc3Y=?=\"; filename*=utf-8''relat%C3%B3rio.csv"),
        text_part("params", R"({"a": 1})")},
       "relat\xc3\xb3rio.csv"},
      {"PowerShell 7",
       quoted,
       {file_part(octets, "filename=\"two words.csv\"; filename*=utf-8''two%20words.csv"),
        text_part("params", R"({"a": 1})")},
       "two words.csv"},
      {"PowerShell 5.1",
       "multipart/form-data; boundary=" + boundary,
       {"Content-Disposition: form-data; name=\"params\"\r\n\r\n{\"a\": 1}",
        file_part(octets, "filename=\"relat\xf3rio.csv\"")},
       "relat\xc3\xb3rio.csv"}};
  World world;
  for (const Case& one : cases) {
    SCOPED_TRACE(one.client);
    std::string body;
    for (const std::string& part : one.parts) body += "--" + boundary + "\r\n" + part + "\r\n";
    const HttpReply made = world.post("/api/v1/repository", one.content_type, body + "--" + boundary + "--\r\n");
    ASSERT_EQ(made.status, 201) << made.body;
    const std::string id = made.json()["repository_id"];
    EXPECT_EQ(world.get("/api/v1/repository/" + id).json()["input"], json::array({one.file}));
    EXPECT_EQ(world.get("/api/v1/repository/" + id + "/params").json(), (json{{"a", 1}}));
  }
}

TEST(Forms, AreReadFromPiecesOfAnySize) {
  using Kind = MultipartReader::Event::Kind;
  for (const Sent& sent : all_sent()) {
    SCOPED_TRACE(sent.name());
    const auto type = parse_parameterized(sent.content_type);
    ASSERT_TRUE(type);
    const auto boundary = boundary_of(*type);
    ASSERT_TRUE(boundary);
    std::vector<std::string> first;
    for (const std::size_t size : {std::size_t{1'000'000}, std::size_t{1}, std::size_t{7}}) {
      MultipartReader reader(*boundary);
      std::vector<std::string> parts;
      std::string_view rest = sent.body;
      while (!rest.empty()) {
        reader.feed(rest.substr(0, size));
        rest.remove_prefix(std::min(size, rest.size()));
        for (auto event = reader.next(); event.kind != Kind::kNeedMore; event = reader.next()) {
          ASSERT_NE(event.kind, Kind::kError) << event.error;
          if (event.kind == Kind::kPart)
            parts.push_back(event.head.name + ":" + event.head.filename.value_or("") + ":");
          if (event.kind == Kind::kData) parts.back() += event.data;
        }
      }
      EXPECT_EQ(reader.missing(), "");
      if (first.empty()) first = parts;
      EXPECT_EQ(parts, first);
    }
  }
}

TEST(Forms, ARefusalSaysWhatToDo) {
  const struct {
    std::string type;
    std::string body;
    const char* want;
  } cases[] = {
      {kMultipartType, multipart({{"name=params", "a=1"}}), "syntax error at byte 1 (line 1); send a JSON object"},
      {kMultipartType, multipart({{"name=params", "{\"a\":1,\n\"a\":2}"}}),
       "duplicate key near byte 13 (line 2); send"},
      {kMultipartType, multipart({{"name=metadata", "[1]"}}), "not a JSON object; send a JSON object, such as {"},
      {"application/json", "{\"params\":1}", "not a JSON object; send a JSON object"},
      {"application/json", "{\"params\":{},\n\"x\" 1}", "(line 2); send a JSON object"},
      {"application/json", "{\"parms\":{}}",
       "only upload_id, params and metadata are known; remove it, or correct its name"},
      {kMultipartType, multipart({{"name=image", "x"}}),
       "only file, upload_id, params and metadata are known; remove it"},
      {kMultipartType, multipart({{"name=file; filename*=UTF-8''a%0D.csv", "x"}}),
       "control character; rename the file"},
      {"multipart/form-data", "x", "it needs a boundary; let the HTTP library set Content-Type"},
      {"application/x-www-form-urlencoded", "params=1", "neither application/json nor multipart/form-data; send one"},
  };
  World world;
  for (const auto& c : cases) {
    const json answer = world.post("/api/v1/repository", c.type, c.body).json();
    EXPECT_THAT(answer.value("detail", ""), HasSubstr(c.want)) << answer;
  }
}

// Whatever is wrong with a form, there is a remedy behind a semicolon.
TEST(Forms, EveryRefusalSaysWhatToDo) {
  const std::string good = multipart({{"name=params", "{\"a\":1}"}, {"name=\"file\"; filename=\"a.csv\"", "1,2\n"}});
  World world;
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string changed = good;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    for (const std::string& body : {changed, good.substr(0, at)}) {
      const HttpReply reply = world.post("/api/v1/repository", kMultipartType, body);
      EXPECT_TRUE(reply.status == 201 || reply.json().value("detail", "").find("; ") != std::string::npos)
          << at << ": " << reply.body;
    }
  }
}

}  // namespace
}  // namespace vbrain::api
