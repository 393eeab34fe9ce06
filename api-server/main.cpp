#include <malloc.h>

#include <exception>
#include <stop_token>
#include <string_view>
#include <thread>

#include "api-server/app.hpp"
#include "api-server/commands/check.hpp"
#include "api-server/commands/keygen.hpp"
#include "api-server/config.hpp"
#include "base/log/log.hpp"
#include "base/log/log_writer.hpp"
#include "base/threads/stop.hpp"

int main(int argc, char** argv) {
  using namespace vbrain;
  if (argc > 1 && std::string_view(argv[1]) == "keygen") return api::run_keygen(argc - 1, argv + 1);
  if (argc > 1 && std::string_view(argv[1]) == "check") return api::run_check(argc - 1, argv + 1);
  // Memory that a burst of requests took is returned to the system: large blocks are mappings of their own, and the
  // threads share a few arenas.
  mallopt(M_MMAP_THRESHOLD, 256 * 1024);
  mallopt(M_ARENA_MAX, 4);
  base::block_termination_signals();
  api::Config config;
  const base::OptionsOutcome options = api::read_config(argc, argv, config);
  if (!options.proceed) return options.exit_code;
  base::set_log_level(*base::parse_log_level(config.log_level));
  const base::LogWriter log_writer;
  std::stop_source stop;
  std::jthread signals([&stop](std::stop_token ended) {
    if (const int signal = base::wait_for_termination(ended); signal != 0) {
      base::log_info("stopping", {{"signal", signal}});
      stop.request_stop();
    }
  });
  try {
    return api::run(config, stop.get_token());
  } catch (const std::exception& problem) {
    base::log_error("the program ends because of an error", {{"error", problem.what()}});
    return 1;
  }
}
