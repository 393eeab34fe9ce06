#pragma once

#include <string>

namespace vbrain::base::detail {

// Gives the line to the LogWriter. False if none lives: the caller writes it.
bool queue_log_line(std::string& line);

// One log line with its newline, as log() makes it, that says how many lines were dropped.
std::string dropped_lines_text(unsigned long count);

// Writes all of the line to the descriptor, in one write(2) unless the system takes less.
void write_log_line(int fd, const std::string& line);

}  // namespace vbrain::base::detail
