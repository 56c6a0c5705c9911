// The process around a tool: descriptors that the caller closed, and signals.
#pragma once

namespace lathe::tool {

// Call first in main. Gives closed descriptors 0, 1, 2 a stand-in on which reading or writing
// fails, so that no data file gets their number; ignores SIGPIPE and SIGXFSZ, so that writing
// reports EPIPE and EFBIG; and on every signal that ends a process removes unfinished outputs
// before the signal takes its usual way. A mapped file that another program cuts short ends the
// process with status 4 and a message rather than by SIGBUS.
void prepare_process();

// From now on the first INT, TERM, HUP or QUIT only sets stop_signal(), for work that ends in an
// orderly way at its next step; a second one, or the passing of so many seconds, takes the usual
// way.
void stop_at_next_step(unsigned seconds = 10);
// Ends that: the signals take their usual way again.
void stop_at_once();
// The signal that asked for the end, 0 before. Async-signal-safe.
int stop_signal() noexcept;
// Ends the process by that signal, as if it had not been caught.
[[noreturn]] void die_of_signal(int number);

// A process group that a signal which ends this process ends with it, until it is forgotten. Some
// thirty at once; thread-safe.
void end_group_with_us(int group) noexcept;
void forget_group(int group) noexcept;

// Ends the process as an unhandled SIGPIPE would.
[[noreturn]] void die_of_closed_pipe();

// While true, a signal that ends the process first ends the progress bar's line.
void set_bar_is_drawn(bool drawn) noexcept;

}  // namespace lathe::tool
