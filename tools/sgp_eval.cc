// sgp-eval: SGP-Bench, questions about programs that draw, and other multiple-choice sets.
#include "common/tool.h"
#include "sgp_eval/command.h"
#include "sgp_eval/options.h"

int main(int argc, char** argv) {
  using namespace lathe::tool;
  Tool tool("sgp-eval", "how well a model understands programs that draw");
  SgpOptions options;
  add_options(tool, options);
  tool.add_common(kModelOptional | kOutput | kThreads | kJson);
  tool.synopsis("-m MODEL --data FILE... [OPTION]...");
  tool.example("sgp-eval -m model.lathe --data sgp_svg_testset.csv --records svg.jsonl",
               "SGP-Bench's svg questions by the reference's protocol");
  tool.example("sgp-eval -m w4.lathe --data svg.csv --baseline f32.jsonl --fail-if 'svg<-2%'",
               "What quantization cost, as a gate for CI");
  tool.example("sgp-eval --compare w4.jsonl f32.jsonl --changes", "Two recorded runs side by side");
  tool.example("sgp-eval --data svg.csv --responses answers.jsonl --report page.html --leaderboard",
               "A page to look at, with the published scores beside ours");
  tool.example("sgp-eval --data svg.csv --perturb rotate --copies 5 -o inv",
               "Sets with the pictures turned, for consistency");
  tool.example("sgp-eval --data svg.csv --responses answers.jsonl --json",
               "Score answers that came from anywhere");
  tool.see_also("generate(1), perplexity(1), bench(1), lathe(7)");
  tool.compute_together();
  return tool.run(argc, argv, [&] {
    join_options(options);
    return run_sgp_eval(tool, options);
  });
}
