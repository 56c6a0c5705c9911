#include "model/ensemble_orders.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <utility>

#include "lathe/checkpoint_parts.h"
#include "lathe/version.h"

#include "base/checksum.h"
#include "base/fail.h"
#include "checkpoint/config_text.h"
#include "model/load_matrix.h"

namespace lathe {
namespace {

OrderText begin(Order order, std::uint64_t number) {
  OrderText out;
  out.put(order);
  out.put(number);
  return out;
}

std::vector<std::byte> finished(const OrderText& order) {
  return {order.bytes().begin(), order.bytes().end()};
}

void put_pairs(const std::map<std::string, LoraPair>& pairs, OrderText& out) {
  out.put(static_cast<std::uint64_t>(pairs.size()));
  for (const auto& [name, pair] : pairs) {
    out.put_text(name);
    for (const std::int64_t size : {pair.rank, pair.in, pair.out}) out.put(size);
    out.put(pair.scale);
    out.put(pair.embedding);
    out.put_list(std::span<const float>(pair.a));
    out.put_list(std::span<const float>(pair.b));
  }
}

std::map<std::string, LoraPair> take_pairs(ByteReader& order) {
  std::map<std::string, LoraPair> out;
  const auto count = order.read<std::uint64_t>("a count");
  for (std::uint64_t i = 0; i < count; ++i) {
    LoraPair& pair = out[std::string(take_text(order))];
    for (std::int64_t* size : {&pair.rank, &pair.in, &pair.out}) {
      *size = order.read<std::int64_t>("a size");
    }
    pair.scale = order.read<double>("a scale");
    pair.embedding = order.read<bool>("a kind");
    pair.a = take_list<float>(order);
    pair.b = take_list<float>(order);
  }
  return out;
}

}  // namespace

std::string identity_of(const Checkpoint& checkpoint) {
  Checksum sum;
  const auto add_text = [&sum](const std::string& text) {
    sum.add(std::as_bytes(std::span(text.data(), text.size())));
  };
  add_text(config_text(checkpoint.config()));
  std::vector<std::byte> row;
  for (std::size_t i = 0; i < checkpoint.tensors().size(); ++i) {
    const TensorInfo& info = checkpoint.tensors()[i];
    add_text(fmt::format("{} {} {}\n", info.name, static_cast<int>(info.dtype), info.bytes));
    // What another program has packed is made into our layout by whoever looks at it.
    if (is_packed_on_request(checkpoint, info) || info.rows() == 0) continue;
    constexpr std::size_t kSome = 256;
    if (const auto bytes = checkpoint.bytes_in_place(i); !bytes.empty()) {
      const std::size_t some = std::min(kSome, bytes.size());
      sum.add(bytes.subspan((bytes.size() - some) / 2, some));
      continue;
    }
    row.resize(static_cast<std::size_t>(info.bytes) / static_cast<std::size_t>(info.rows()));
    checkpoint.read_rows(i, info.rows() / 2, 1, row);
    sum.add(row);
  }
  return sum.text();
}

std::vector<std::byte> load_order(std::uint64_t number, const Checkpoint& checkpoint,
                                  const LoraAdapter* adapter, const LoadOptions& options) {
  OrderText out = begin(Order::kLoad, number);
  out.put_text(version());
  out.put_text(checkpoint.path());
  out.put_text(identity_of(checkpoint));
  out.put(options.in_memory);
  out.put(options.lock);
  out.put(options.threads);
  out.put(options.ensemble->shares_layers());
  out.put(adapter != nullptr);
  if (adapter != nullptr) {
    out.put_text(adapter->path());
    put_pairs(adapter->pairs(), out);
  }
  return finished(out);
}

LoadRequest::LoadRequest(ByteReader& order) {
  if (const std::string_view theirs = take_text(order); theirs != version()) {
    fail(ErrorCode::kUsage, "process 0 is version {}, and this is {}", theirs, version());
  }
  path = take_text(order);
  identity = take_text(order);
  options.in_memory = order.read<bool>("an option");
  options.lock = order.read<bool>("an option");
  options.threads = order.read<int>("a number of threads");
  by_layers = order.read<bool>("an option");
  if (!order.read<bool>("whether there is an adapter")) return;
  std::string adapter_path(take_text(order));
  adapter = LoraAdapter::of_pairs(std::move(adapter_path), take_pairs(order));
}

std::vector<std::byte> unload_order(std::uint64_t number) {
  return finished(begin(Order::kUnload, number));
}

std::vector<std::byte> open_order(std::uint64_t number, std::uint64_t model,
                                  const SessionOptions& options) {
  OrderText out = begin(Order::kOpen, number);
  out.put(model);
  out.put(options.threads);
  out.put(static_cast<int>(options.kv_type));
  out.put(options.max_tokens);
  out.put(options.max_pages);
  out.put(options.chunk);
  out.put(options.whole_windows);
  return finished(out);
}

SessionOptions take_session_options(ByteReader& order) {
  SessionOptions out;
  out.threads = order.read<int>("a number of threads");
  out.kv_type = static_cast<KvType>(order.read<int>("a type"));
  out.max_tokens = order.read<std::int64_t>("a number of positions");
  out.max_pages = order.read<std::int64_t>("a number of pages");
  out.chunk = order.read<std::int64_t>("a length");
  out.whole_windows = order.read<bool>("an option");
  return out;
}

std::vector<std::byte> close_order(std::uint64_t number) {
  return finished(begin(Order::kClose, number));
}

std::vector<std::byte> step_order(std::uint64_t number, const OrderText& notes, std::int64_t wanted,
                                  std::span<const SequenceInput> inputs) {
  OrderText out = begin(Order::kStep, number);
  out.put_bytes(notes.bytes());
  out.put(StepNote::kEnd);
  out.put(wanted);
  out.put(static_cast<std::uint64_t>(inputs.size()));
  for (const SequenceInput& input : inputs) {
    out.put(input.sequence);
    out.put(input.all_logits);
    out.put_list(input.tokens);
  }
  return finished(out);
}

StepInputs::StepInputs(ByteReader& order) {
  wanted = order.read<std::int64_t>("what is wanted");
  const auto count = order.read<std::uint64_t>("a count");
  for (std::uint64_t i = 0; i < count; ++i) {
    SequenceInput& input = inputs.emplace_back();
    input.sequence = order.read<SequenceId>("a sequence");
    input.all_logits = order.read<bool>("which logits");
    tokens.push_back(take_list<TokenId>(order));
    input.tokens = tokens.back();  // stays where it is when the list of lists grows
  }
}

void follow_notes(ByteReader& order, KvCache& cache) {
  for (;;) {
    const auto note = static_cast<StepNote>(order.read<std::uint8_t>("a note"));
    if (note == StepNote::kEnd) return;
    if (note == StepNote::kAdd) {
      cache.add();
      continue;
    }
    const auto sequence = static_cast<SequenceId>(order.read<std::int64_t>("a sequence"));
    if (note == StepNote::kDrop) {
      cache.drop(sequence);
      continue;
    }
    const auto length = order.read<std::int64_t>("a length");
    if (note == StepNote::kFork) {
      cache.fork(sequence, length);
    } else {
      cache.truncate(sequence, length);
    }
  }
}

}  // namespace lathe
