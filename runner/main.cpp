#include <openssl/crypto.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string_view>

#include "runner/run.hpp"
#include "runner/settings.hpp"

int main(int argc, char** argv) {
  using namespace vbrain::runner;
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::puts(VBRAIN_VERSION);
    return 0;
  }
  std::signal(SIGPIPE, SIG_IGN);
  // Do not read the openssl.cnf of the application's image: it could name providers to load.
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  try {
    const auto settings = read_settings(argc, argv);
    if (settings) return run(*settings);
    std::fprintf(stderr, "vbrain: %s\n", settings.error().c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "vbrain: %s\n", error.what());
  }
  return kOwnFailure;
}
