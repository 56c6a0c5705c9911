// bench serve: requests at a rate to a server, and the times of its answers.
#pragma once

namespace lathe::tool {

// The whole command, with a table of options of its own; `argv[0]` is what stands for its name.
int run_bench_serve(int argc, char** argv);

}  // namespace lathe::tool
