#pragma once

#include <string>
#include <vector>

namespace vbrain::controller {

struct WebhookSettings {
  std::vector<std::string> allow;  // entries of http::AllowList; none: no webhook is sent
  std::vector<std::string> deny;   // networks
  std::string secrets;             // folder with a file for each Client; empty: none
  std::string ca_file;             // further authorities; empty: none
};

// A sentence if the settings can't be used, or "". Pure.
std::string check(const WebhookSettings& settings);

}  // namespace vbrain::controller
