#include "bench/plan_rates.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <thread>
#include <utility>
#include <zmq.hpp>

#include "lathe/bench/bench.h"
#include "lathe/host/temporary_folder.h"
#include "lathe/model_config.h"

#include "common/progress_bar.h"
#include "common/seconds.h"

namespace lathe::tool {
namespace {

using Clock = std::chrono::steady_clock;

// Answers are measured over so many tokens at most.
constexpr std::int64_t kMostMeasured = 64;

struct Measured {
  double prefill = 0.0, decode = 0.0;  // tokens per second
};

Measured measure(const std::shared_ptr<const Model>& model, const BenchCase& test,
                 const RateOptions& options, int warmup, const ProgressCallback& progress) {
  EngineOptions how;
  how.threads = options.threads;
  how.max_batch = test.sequences;
  const auto engine = Engine::create(model, nullptr, how);
  const BenchResult result = run_engine_bench(*engine, test, options.repetitions, warmup, progress);
  double prompts = 0.0, answers = 0.0;
  for (const BenchSample& sample : result.samples) {
    prompts += 1e-9 * static_cast<double>(sample.prompt_ns);
    answers += 1e-9 * static_cast<double>(sample.gen_ns);
  }
  const auto all = static_cast<double>(test.sequences) * options.repetitions;
  return {all * static_cast<double>(test.n_prompt) / prompts,
          all * static_cast<double>(test.n_gen) / answers};
}

void receive_all(zmq::socket_t& socket, int count) {
  for (int i = 0; i < count; ++i) {
    zmq::message_t message;
    static_cast<void>(socket.recv(message));
    // As a worker copies what it gets, and says that it has it.
    const std::string bytes = message.to_string();
    socket.send(zmq::buffer(bytes.data(), 1), zmq::send_flags::none);
  }
}

// Bytes a second from a worker to another: by way of the program that asks, so each goes twice.
double measure_transfer(std::uint64_t bytes) {
  constexpr int kRounds = 8, kHops = 2;
  const TemporaryFolder folder("lathe-plan");
  const std::string address = "ipc://" + folder.file("pages");
  zmq::context_t context;
  zmq::socket_t here(context, zmq::socket_type::pair), there(context, zmq::socket_type::pair);
  there.bind(address);
  here.connect(address);
  std::thread other([&] { receive_all(there, kRounds + 1); });
  const std::string pages(std::max<std::uint64_t>(1, bytes), 'k');
  double seconds = 0.0;
  for (int round = 0; round <= kRounds; ++round) {
    const Clock::time_point start = Clock::now();
    here.send(zmq::buffer(pages), zmq::send_flags::none);
    zmq::message_t heard;
    static_cast<void>(here.recv(heard));
    if (round > 0) seconds += seconds_since(start);  // the first makes the connection
  }
  other.join();
  return static_cast<double>(pages.size()) * kRounds / seconds / kHops;
}

// 1, 2, 4 and so on to the most, and that.
std::vector<std::int64_t> batches_to(std::int64_t most) {
  std::vector<std::int64_t> out;
  for (std::int64_t batch = 1; batch < most; batch *= 2) out.push_back(batch);
  out.push_back(most);
  return out;
}

}  // namespace

std::vector<DecodeRate> parse_decode_rates(const std::string& text) {
  std::vector<DecodeRate> out;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    const std::size_t colon = part.find(':');
    DecodeRate one;
    const auto read = [](std::string_view number, double& value) {
      const auto [end, error] =
          std::from_chars(number.data(), number.data() + number.size(), value);
      return error == std::errc() && end == number.data() + number.size();
    };
    if (colon == std::string_view::npos || !read(part.substr(0, colon), one.batch) ||
        !read(part.substr(colon + 1), one.tokens_per_second)) {
      fail_usage(
          "--decode-rates: {} is no rate: BATCH:TOKENS, with tokens per second, as in 1:40,8:210",
          lathe::quoted(part));
    }
    out.push_back(one);
  }
  return out;
}

WorkerRates measure_rates(const Tool& tool, const std::shared_ptr<const Model>& model,
                          const RequestLengths& lengths, const RateOptions& options,
                          WorkerRates known) {
  const auto prompt = static_cast<std::int64_t>(std::lround(lengths.prompt));
  const auto answer = static_cast<std::int64_t>(std::lround(lengths.answer));
  const KvLayout layout = kv_layout(*model, KvType::kF16);
  if (known.bytes_per_token <= 0.0) {
    known.bytes_per_token = static_cast<double>(layout.bytes(prompt)) / lengths.prompt;
  }
  const bool decode = known.decode.empty();
  if (decode || known.prefill <= 0.0) {
    ProgressBar bar(tool, "rates");
    double prefill = 0.0;
    const std::vector<std::int64_t> batches = batches_to(decode ? options.max_batch : 1);
    for (std::size_t i = 0; i < batches.size(); ++i) {
      BenchCase test;
      test.n_prompt = std::max<std::int64_t>(1, prompt);
      test.n_gen = std::clamp<std::int64_t>(answer, 1, kMostMeasured);
      test.sequences = batches[i];
      const Measured one = measure(model, test, options, i == 0 ? 1 : 0, bar.callback());
      prefill = std::max(prefill, one.prefill);
      if (decode) known.decode.push_back({static_cast<double>(batches[i]), one.decode});
    }
    bar.finish();
    if (known.prefill <= 0.0) known.prefill = prefill;
  }
  if (known.transfer <= 0.0) known.transfer = measure_transfer(layout.bytes(prompt));
  return known;
}

}  // namespace lathe::tool
