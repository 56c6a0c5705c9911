#include "serve/model_folder.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <fmt/format.h>
#include <new>
#include <utility>
#include <vector>

#include "lathe/host/quoted_list.h"

#include "common/fail.h"
#include "common/human_bytes.h"
#include "common/seconds.h"
#include "serve/engine_stats.h"

namespace lathe::tool {
namespace {

using Clock = std::chrono::steady_clock;

// How often somebody who waits looks whether it is still worth it.
constexpr std::chrono::milliseconds kPatience{100};
constexpr std::size_t kMostNames = 20;  // in a message

FoundModel none(int status, std::string code, std::string message) {
  return {nullptr, status, std::move(code), std::move(message)};
}

// The exception at hand, as an answer: the server's fault, not the request's.
FoundModel what_failed(const std::string& name) {
  try {
    throw;
  } catch (const Error& error) {
    return none(500, to_string(error.code()), error.message());
  } catch (const std::bad_alloc&) {
    return none(500, to_string(ErrorCode::kLimit),
                fmt::format("there is not enough memory for {}", lathe::quoted(name)));
  } catch (const std::exception& error) {
    return none(500, to_string(ErrorCode::kBug), error.what());
  }
}

}  // namespace

ModelFolder::ModelFolder(const Tool& tool, std::string folder, std::uint64_t budget,
                         std::uint64_t reserve, Open open)
    : tool_(tool),
      folder_(std::move(folder)),
      budget_(budget),
      reserve_(reserve),
      open_(std::move(open)) {
  for (ModelFile& file : models_in(folder_)) {
    const std::string name = file.name;
    entries_[name].file = std::move(file);
  }
  if (entries_.empty()) {
    fail(ErrorCode::kInvalid,
         "{}: there is no model in it: no .lathe, .gguf or .archive file, and no folder with a "
         "config.json",
         lathe::quoted(folder_));
  }
}

ModelFolder::~ModelFolder() {
  Kept last;
  const Lock lock(mutex_);
  for (auto& [name, entry] : entries_) last.push_back(std::move(entry.open));
}

FoundModel ModelFolder::find(const std::string& name, const std::function<bool()>& gone) {
  Lock lock(mutex_);
  if (find_entry(name) == nullptr) look_again(lock);
  drop_failed(lock, name);
  Entry* entry = find_entry(name);
  if (entry == nullptr) return unknown(name);
  if (entry->open != nullptr || turns_.empty()) {
    if (auto model = take(*entry)) return {std::move(model), 0, {}, {}};
  }
  return wait_and_open(lock, entry->file.name, gone);
}

// New files, and those that are gone. A model that was open then ends with its last request.
void ModelFolder::look_again(Lock& lock) {
  std::vector<ModelFile> files;
  try {
    files = models_in(folder_);
  } catch (const Error&) {
    return;  // what was known is answered still
  }
  Kept ended;
  std::map<std::string, Entry> before = std::exchange(entries_, {});
  for (ModelFile& file : files) {
    const std::string name = file.name;
    if (const auto at = before.find(name); at != before.end()) {
      entries_.insert(before.extract(at));
    }
    entries_[name].file = std::move(file);
  }
  for (auto& [name, entry] : before) ended.push_back(std::move(entry.open));
  destroy(lock, std::move(ended));
}

// Models end outside of the lock, which they need for it.
void ModelFolder::destroy(Lock& lock, Kept models) {
  if (models.empty()) return;
  lock.unlock();
  models.clear();
  lock.lock();
}

// Null: unknown. Whoever names none means the only one.
ModelFolder::Entry* ModelFolder::find_entry(const std::string& name) {
  if (name.empty() && entries_.size() == 1) return &entries_.begin()->second;
  const auto at = entries_.find(name);
  return at == entries_.end() ? nullptr : &at->second;
}

FoundModel ModelFolder::unknown(const std::string& name) const {
  std::vector<std::string> names;
  names.reserve(entries_.size());
  for (const auto& [known, entry] : entries_) names.push_back(known);
  const std::string list = quoted_list(names, kMostNames);
  if (name.empty()) {
    return none(400, "model_missing",
                fmt::format("there are several models here: say which, as \"model\": {}", list));
  }
  return none(404, "model_not_found",
              fmt::format("there is no model {} here; there is {}", lathe::quoted(name), list));
}

// An engine that has failed answers nothing; another may.
void ModelFolder::drop_failed(Lock& lock, const std::string& name) {
  Entry* entry = find_entry(name);
  if (entry == nullptr || entry->open == nullptr || !entry->open->service->failure()) return;
  entry->alive.reset();
  Kept failed;
  failed.push_back(std::move(entry->open));
  destroy(lock, std::move(failed));
}

// Where it is alive.
std::shared_ptr<ServedModel> ModelFolder::take(Entry& entry) {
  if (entry.open == nullptr) entry.open = entry.alive.lock();
  if (entry.open != nullptr) entry.asked = ++asked_;
  return entry.open;
}

FoundModel ModelFolder::wait_and_open(Lock& lock, std::string name,
                                      const std::function<bool()>& gone) {
  const auto turn = turns_.insert(turns_.end(), ++last_turn_);
  FoundModel out;
  while (!open_in_turn(lock, name, *turn, out)) {
    if (gone()) {
      out = none(503, "ending", "nobody waits for the model any more");
      break;
    }
    changed_.wait_for(lock, kPatience);
  }
  turns_.erase(turn);
  changed_.notify_all();
  return out;
}

// False where it has to be waited for.
bool ModelFolder::open_in_turn(Lock& lock, const std::string& name, std::uint64_t turn,
                               FoundModel& out) {
  Entry* entry = find_entry(name);
  if (entry == nullptr) {
    out = unknown(name);
    return true;
  }
  if (entry->open == nullptr && turns_.front() != turn) return false;
  out.model = take(*entry);
  if (out.model != nullptr) return true;
  const ModelFile file = entry->file;
  const std::uint64_t bytes = file.bytes + reserve_;
  if (bytes > budget_) {
    out = none(500, to_string(ErrorCode::kLimit),
               fmt::format("the model {} needs {}, and --models-memory is {}", lathe::quoted(name),
                           human_bytes(bytes), human_bytes(budget_)));
    return true;
  }
  if (!make_room(lock, bytes)) return false;
  out = open(lock, file, bytes);
  return true;
}

// Puts out what was asked for the longest ago, until there is or will be room. Whether there is.
bool ModelFolder::make_room(Lock& lock, std::uint64_t bytes) {
  Kept out;
  for (;;) {
    std::uint64_t open = 0;
    Entry* oldest = nullptr;
    for (auto& [name, entry] : entries_) {
      if (entry.open == nullptr) continue;
      open += entry.bytes;
      if (oldest == nullptr || entry.asked < oldest->asked) oldest = &entry;
    }
    if (oldest == nullptr || open + bytes <= budget_) break;
    out.push_back(std::move(oldest->open));
    ++put_out_;
    tool_.note(fmt::format("{} makes room for others", oldest->file.name));
  }
  destroy(lock, std::move(out));
  return taken_ + bytes <= budget_;
}

FoundModel ModelFolder::open(Lock& lock, const ModelFile& file, std::uint64_t expected) {
  taken_ += expected;
  lock.unlock();
  const Clock::time_point began = Clock::now();
  FoundModel out;
  std::uint64_t bytes = 0;
  try {
    auto opened = std::make_unique<ServedModel>(open_(file));
    bytes = opened->bytes;
    out.model = std::shared_ptr<ServedModel>(
        opened.release(), [this, bytes](ServedModel* model) { let_go(model, bytes); });
  } catch (...) {
    out = what_failed(file.name);
  }
  const double seconds = seconds_since(began);
  if (out.model != nullptr) {
    tool_.note(fmt::format("{} is open after {:.3f} s", file.name, seconds));
  } else {
    tool_.warn(fmt::format("{} cannot be opened: {}", file.name, out.message));
  }
  lock.lock();
  taken_ -= expected;
  if (out.model == nullptr) return out;
  taken_ += bytes;
  opening_seconds_ += seconds;
  if (Entry* entry = find_entry(file.name)) {
    entry->open = out.model;
    entry->alive = out.model;
    entry->asked = ++asked_;
    entry->context = out.model->context;
    entry->bytes = bytes;
    ++entry->opened;
    make_room(lock, 0);  // it may have come to more than was expected
  }
  return out;
}

// Its last request has ended.
void ModelFolder::let_go(ServedModel* model, std::uint64_t bytes) noexcept {
  const EngineStats counted = without_present(model->service->stats());
  {
    const std::lock_guard lock(mutex_);
    add(gone_, counted);
  }
  delete model;
  const std::lock_guard lock(mutex_);
  taken_ -= bytes;
  changed_.notify_all();
}

ModelsState ModelFolder::state() {
  Lock lock(mutex_);
  look_again(lock);
  ModelsState out;
  for (const auto& [name, entry] : entries_) {
    const bool open = !entry.alive.expired();
    out.models.push_back(
        {name, entry.file.written, entry.context, open, open ? entry.bytes : 0, entry.opened});
  }
  out.put_out = put_out_;
  out.opening_seconds = opening_seconds_;
  return out;
}

ModelFolder::Kept ModelFolder::all_alive() const {
  const std::lock_guard lock(mutex_);
  Kept out;
  for (const auto& [name, entry] : entries_) {
    if (auto model = entry.alive.lock()) out.push_back(std::move(model));
  }
  return out;
}

EngineStats ModelFolder::stats() const {
  const Kept alive = all_alive();
  EngineStats out;
  for (const auto& model : alive) add(out, model->service->stats());
  const std::lock_guard lock(mutex_);
  add(out, gone_);
  return out;
}

bool ModelFolder::drain(std::chrono::milliseconds patience) {
  const Clock::time_point last = Clock::now() + patience;
  bool ended = true;
  for (const auto& model : all_alive()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(last - Clock::now());
    ended = model->service->drain(std::max(left, std::chrono::milliseconds(0))) && ended;
  }
  return ended;
}

void ModelFolder::cancel_all() {
  for (const auto& model : all_alive()) model->service->cancel_all();
}

}  // namespace lathe::tool
