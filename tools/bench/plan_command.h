// bench plan: how many workers for prompts and how many for answers, from rates and lengths.
#pragma once

namespace lathe::tool {

// The whole command, with a table of options of its own; `argv[0]` is what stands for its name.
int run_bench_plan(int argc, char** argv);

}  // namespace lathe::tool
