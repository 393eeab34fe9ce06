#include <exception>
#include <stop_token>
#include <string_view>
#include <thread>

#include "api-server/app.hpp"
#include "api-server/commands/check.hpp"
#include "api-server/commands/keygen.hpp"
#include "api-server/config.hpp"
#include "base/heap.hpp"
#include "base/log/log.hpp"
#include "base/log/log_writer.hpp"
#include "base/threads/stop.hpp"

// A few, because the threads of the pools allocate for each request.
constexpr int kHeaps = 4;

int main(int argc, char** argv) {
  using namespace vbrain;
  if (argc > 1 && std::string_view(argv[1]) == "keygen") return api::run_keygen(argc - 1, argv + 1);
  if (argc > 1 && std::string_view(argv[1]) == "check") return api::run_check(argc - 1, argv + 1);
  base::share_heaps(kHeaps);
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
