#include <exception>
#include <iostream>
#include <stop_token>
#include <string_view>
#include <thread>

#include "base/heap.hpp"
#include "base/log/log.hpp"
#include "base/log/log_writer.hpp"
#include "base/threads/stop.hpp"
#include "controller/app.hpp"
#include "controller/config.hpp"
#include "controller/release.hpp"
#include "controller/space/usage_report.hpp"
#include "job/causes.hpp"

// One holds all objects of the caches, whichever thread decoded them, and malloc_trim() gives back all that is free in
// it.
constexpr int kHeaps = 1;

int main(int argc, char** argv) {
  using namespace vbrain;
  if (argc == 2 && std::string_view(argv[1]) == "reasons") {
    std::cout << job::causes_as_markdown();
    return 0;
  }
  base::share_heaps(kHeaps);
  base::block_termination_signals();
  controller::Config config;
  const std::string_view command = argc > 1 ? argv[1] : "";
  const bool release = command == "release-jobs";
  const bool usage = command == "usage";
  const int words = release || usage ? 1 : 0;
  const base::OptionsOutcome options = controller::read_config(argc - words, argv + words, config);
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
    if (usage) return controller::run_usage(config.volume, std::cout, stop.get_token());
    return release ? controller::run_release(config, stop.get_token()) : controller::run(config, stop.get_token());
  } catch (const std::exception& error) {
    base::log_error("the program ends because of an error", {{"error", error.what()}});
    return 1;
  }
}
