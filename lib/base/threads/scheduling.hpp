#pragma once

#include <chrono>

namespace vbrain::base {

// How Linux shares the processors between a thread and the others of the same container (sched(7)).
struct Scheduling {
  // setpriority(2): above 0 other threads get more of a processor that is short.
  int nice = 0;
  // How long the thread keeps a processor that others wait for: 0.1 to 100 ms; 0 leaves it to the system, which gives 1
  // to 4 ms. A thread that becomes ready may interrupt one whose turns are longer. The part of the processor that a
  // thread gets is the same. Linux 6.12 and newer; older ones ignore it.
  std::chrono::microseconds turn{0};
  // give_way() does something on this thread. Not where `turn` has no effect: a thread that yields loses a whole turn,
  // which may be 13 ms for one with nice 10.
  bool gives_way = false;
};

// Sets it for the calling thread, which has the usual policy of Linux (SCHED_OTHER); else nothing is done. What the
// system refuses stays as it was: it is a matter of speed only.
void apply(const Scheduling& scheduling) noexcept;

// For loops that take all of a processor, every 0.1 to 0.5 ms: threads that wait for this processor go first, if the
// calling thread was told to give way. Linux by itself may let them wait until its next clock tick (4 ms at 250 Hz).
void give_way() noexcept;

}  // namespace vbrain::base
