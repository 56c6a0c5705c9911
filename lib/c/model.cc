#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "lathe/c/lathe.h"
#include "lathe/chat.h"
#include "lathe/checkpoint.h"
#include "lathe/lora.h"

#include "c/guard.h"
#include "c/handles.h"

namespace lathe::c {
namespace {

lathe_model open(const char* path, const lathe_model_options& options) {
  OpenOptions open;
  if (options.tokenizer != nullptr) open.tokenizer_path = options.tokenizer;
  const auto checkpoint = Checkpoint::open(path, open);
  LoadOptions load;
  load.in_memory = options.in_memory != 0;
  std::shared_ptr<const LoraAdapter> adapter;
  if (options.lora != nullptr) adapter = LoraAdapter::open(options.lora);
  return {make_tokenizer(*checkpoint), Model::load(checkpoint, std::move(adapter), load)};
}

// Gives out what was made, where it has room.
template <typename T, typename From>
void give(const From& made, T* out, std::size_t room, std::size_t* count, const char* function) {
  need(count, function, "the count");
  *count = made.size();
  if (made.size() > room) {
    fail(ErrorCode::kLimit, "{}(): {} are given out, but there is room for {}", function,
         made.size(), room);
  }
  if (made.empty()) return;
  need(out, function, "the room");
  std::copy(made.begin(), made.end(), out);
}

std::string_view text_of(const char* text, std::size_t bytes, const char* function) {
  if (bytes > 0) need(text, function, "the text");
  return {text, bytes};
}

}  // namespace
}  // namespace lathe::c

using lathe::c::guarded;
using lathe::c::need;

lathe_code lathe_model_open(const char* path, const lathe_model_options* options,
                            lathe_model** model) {
  return guarded([&] {
    need(path, "lathe_model_open", "path");
    need(model, "lathe_model_open", "model");
    const lathe_model_options defaults = {};
    *model = new lathe_model(lathe::c::open(path, options != nullptr ? *options : defaults));
  });
}

void lathe_model_free(lathe_model* model) { delete model; }

int64_t lathe_vocab_size(const lathe_model* model) {
  return model == nullptr ? 0 : model->model->config().vocab_size;
}

int64_t lathe_hidden_size(const lathe_model* model) {
  return model == nullptr ? 0 : model->model->config().hidden_size;
}

int64_t lathe_layers(const lathe_model* model) {
  return model == nullptr ? 0 : model->model->config().num_layers();
}

int64_t lathe_context(const lathe_model* model) {
  return model == nullptr ? 0 : model->model->config().max_position;
}

lathe_code lathe_encode(const lathe_model* model, const char* text, size_t bytes, int32_t* ids,
                        size_t room, size_t* count) {
  return guarded([&] {
    need(model, "lathe_encode", "model");
    const auto made =
        lathe::encode_prompt(*model->tokenizer, lathe::c::text_of(text, bytes, "lathe_encode"));
    lathe::c::give(made, ids, room, count, "lathe_encode");
  });
}

lathe_code lathe_encode_chat(const lathe_model* model, const lathe_chat_message* messages,
                             size_t message_count, int32_t* ids, size_t room, size_t* count) {
  constexpr const char* kName = "lathe_encode_chat";
  return guarded([&] {
    need(model, kName, "model");
    if (message_count > 0) need(messages, kName, "messages");
    std::vector<lathe::ChatMessage> all;
    for (const lathe_chat_message& message : std::span(messages, message_count)) {
      need(message.role, kName, "a role");
      all.push_back(
          {message.role, std::string(lathe::c::text_of(message.text, message.bytes, kName))});
    }
    const auto chat = lathe::ChatTemplate::of(*model->tokenizer);
    lathe::c::give(chat.encode(*model->tokenizer, {std::move(all)}), ids, room, count, kName);
  });
}

lathe_code lathe_decode(const lathe_model* model, const int32_t* ids, size_t count, char* text,
                        size_t room, size_t* bytes) {
  return guarded([&] {
    need(model, "lathe_decode", "model");
    if (count > 0) need(ids, "lathe_decode", "ids");
    lathe::c::give(model->tokenizer->decode({ids, count}), text, room, bytes, "lathe_decode");
  });
}
