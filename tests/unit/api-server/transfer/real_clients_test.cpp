// Multipart bodies of real clients, sent by the clients. A client that is not installed is skipped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "support/cpp/temp_dir.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

namespace fs = std::filesystem;
using testing::World;
using vbrain::testing::read_file;
using vbrain::testing::TempDir;
using vbrain::testing::write_file;

struct Client {
  const char* name;
  // For sh, in a folder with `numbers.csv`, `relatório "1".csv`, `empty.csv` and `headers`; $URL is the endpoint. It
  // writes the answer to the file `answer`.
  const char* command;
  const char* probe = "true";  // succeeds if the client is installed
  const char* input = "numbers.csv";
  bool params = true;  // it sends {"a": 1}
};

constexpr const char* kPython = R"(/usr/bin/python3 - <<'EOF'
import os, requests
headers = dict(line.strip().split(': ', 1) for line in open('headers'))
files = {'file': (%s, open('numbers.csv', 'rb'))}
answer = requests.post(os.environ['URL'], headers=headers, files=files, data={'params': '{"a": 1}'}, timeout=60)
open('answer', 'w').write(answer.text)
EOF
)";

// A generator as body: requests sends it chunked.
constexpr const char* kRequestsChunked = R"(/usr/bin/python3 - <<'EOF'
import os, requests
headers = dict(line.strip().split(': ', 1) for line in open('headers'))
headers['Content-Type'] = 'multipart/form-data; boundary=b'
def body():
    yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="numbers.csv"\r\n\r\n'
    yield open('numbers.csv', 'rb').read()
    yield b'\r\n--b\r\nContent-Disposition: form-data; name="params"\r\n\r\n{"a": 1}\r\n--b--\r\n'
answer = requests.post(os.environ['URL'], headers=headers, data=body(), timeout=60)
open('answer', 'w').write(answer.text)
EOF
)";

constexpr const char* kNode = R"(node - <<'EOF'
const fs = require('fs');
const headers = Object.fromEntries(fs.readFileSync('headers', 'utf8').trim().split('\n').map(l => l.split(': ')));
const form = new FormData();
form.append('file', new Blob([fs.readFileSync('numbers.csv')]), 'relatório "1".csv');
form.append('params', '{"a": 1}');
fetch(process.env.URL, {method: 'POST', headers, body: form}).then(r => r.text()).then(t => fs.writeFileSync('answer', t));
EOF
)";

class RealClients : public ::testing::TestWithParam<Client> {};

std::string python(const char* name) {
  std::string text = kPython;
  return text.replace(text.find("%s"), 2, name);
}

TEST_P(RealClients, AreTaken) {
  const Client& client = GetParam();
  if (std::system((std::string(client.probe) + " >/dev/null 2>&1").c_str()) != 0)
    GTEST_SKIP() << client.name << " is not installed";
  const TempDir temp;
  write_file(temp / "numbers.csv", "1,2\n");
  write_file(temp / "relatório \"1\".csv", "1,2\n");
  write_file(temp / "empty.csv", "");
  World world;
  std::string headers;
  for (const auto& [name, value] : World::identity("ana")) headers += name + ": " + value + "\n";
  write_file(temp / "headers", headers);
  std::string command = client.command;
  if (command.starts_with("python:")) command = python(command.c_str() + 7);
  write_file(temp / "command.sh", command);
  const std::string run = "cd '" + temp.path() + "' && URL=http://" + world.server->address() +
                          "/api/v1/repository NO_PROXY='*' no_proxy='*' LC_ALL=C.UTF-8 sh command.sh >log 2>&1";
  ASSERT_EQ(std::system(run.c_str()), 0) << read_file(temp / "log");
  const auto made = nlohmann::json::parse(read_file(temp / "answer"), nullptr, false);
  ASSERT_TRUE(made.contains("repository_id")) << read_file(temp / "answer");
  const auto stored = world.get("/api/v1/repository/" + made["repository_id"].get<std::string>()).json();
  const bool none = std::string(client.input).empty();
  EXPECT_EQ(stored["input"], none ? nlohmann::json::array() : nlohmann::json::array({client.input}));
  EXPECT_EQ(stored["params"], client.params);
}

constexpr const char* kHasRequests = "/usr/bin/python3 -c 'import requests'";
constexpr const char* kHasFetch = "node -e 'new FormData(); fetch'";

constexpr Client kClients[] = {
    {"curl", "curl -sS -H @headers $URL -o answer -F file=@numbers.csv -F 'params={\"a\": 1}'"},
    {"curl_quotes", "curl -sS -H @headers $URL -o answer -F 'file=@\"relatório \\\"1\\\".csv\"' -F 'params={\"a\": 1}'",
     "true", "relatório \"1\".csv"},
    {"curl_path",
     "curl -sS -H @headers $URL -o answer -F \"file=@$PWD/numbers.csv;filename=$PWD/numbers.csv\" "
     "-F 'params={\"a\": 1}'"},
    {"curl_windows_path",
     "curl -sS -H @headers $URL -o answer -F 'file=@numbers.csv;filename=\"C:\\\\Users\\\\ana\\\\numbers.csv\"' "
     "-F 'params={\"a\": 1}'"},
    {"curl_empty_field", "curl -sS -H @headers $URL -o answer -F 'file=;filename=' -F 'params={\"a\": 1}'", "true", ""},
    {"curl_empty_form", "curl -sS -H @headers $URL -o answer -F 'file=;filename=' -F params= -F metadata=", "true", "",
     false},
    {"curl_empty_file", "curl -sS -H @headers $URL -o answer -F file=@empty.csv -F 'params={\"a\": 1}'", "true",
     "empty.csv"},
    {"curl_chunked",
     "curl -sS -H @headers -H 'Transfer-Encoding: chunked' $URL -o answer -F file=@numbers.csv -F 'params={\"a\": 1}'"},
    {"curl_expect_continue",
     "curl -v -H @headers -H 'Expect: 100-continue' --expect100-timeout 60 $URL -o answer -F file=@numbers.csv "
     "-F 'params={\"a\": 1}' 2>trace && grep -q '100 Continue' trace"},
    {"curl_expect_continue_chunked",
     "curl -v -H @headers -H 'Expect: 100-continue' -H 'Transfer-Encoding: chunked' --expect100-timeout 60 $URL "
     "-o answer -F file=@numbers.csv -F 'params={\"a\": 1}' 2>trace && grep -q '100 Continue' trace"},
    {"curl_two_megabytes",
     "head -c 2000000 /dev/zero | tr '\\0' 1 >numbers.csv && curl -sS -H @headers $URL -o answer "
     "-F file=@numbers.csv -F 'params={\"a\": 1}'"},
    {"requests_chunked", kRequestsChunked, kHasRequests},
    {"requests", "python:'numbers.csv'", kHasRequests},
    {"requests_accents", "python:'relatório.csv'", kHasRequests, "relatório.csv"},
    {"requests_quotes", "python:'relatório \"1\".csv'", kHasRequests, "relatório \"1\".csv"},
    {"requests_path", "python:'/home/ana/numbers.csv'", kHasRequests},
    {"node_fetch", kNode, kHasFetch, "relatório \"1\".csv"},
};

INSTANTIATE_TEST_SUITE_P(All, RealClients, ::testing::ValuesIn(kClients),
                         [](const auto& client) { return std::string(client.param.name); });

}  // namespace
}  // namespace vbrain::api
