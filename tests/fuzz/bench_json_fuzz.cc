// What other programs print and files of results: rows, or an error that says why not; what was
// accepted can be shown in every form.
#include "lathe/bench/report.h"

#include "fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lathe;
  fuzz::expect_no_bug([&] {
    const std::vector<BenchRow> rows = read_bench_rows(fuzz::text_of(data, size), "results");
    if (rows.empty()) std::abort();
    for (const BenchFormat format : {BenchFormat::kMarkdown, BenchFormat::kCsv, BenchFormat::kJson,
                                     BenchFormat::kJsonl, BenchFormat::kSql}) {
      if (format_bench(rows, format).empty()) std::abort();
    }
  });
  return 0;
}
