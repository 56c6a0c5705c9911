// The models of a folder, opened when they are first asked for, within a budget of memory.
//
// A model that is open takes its weights and the room that it may fill with keys and values. Where
// another one is asked for and there is no room, those that were asked for the longest ago are put
// out. Requests that are under way keep theirs, and its memory counts until the last of them has
// ended; so whoever asks for another waits for that, in the order of asking, also behind somebody
// who wants a model back that is about to go: no model is kept away by one that is always busy.
//
// Thread-safe. Models outlive it no more than the requests that hold them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/tool.h"
#include "serve/model_files.h"
#include "serve/models.h"

namespace lathe::tool {

class ModelFolder final : public Models {
 public:
  // Opens the model of a path; throws.
  using Open = std::function<ServedModel(const ModelFile&)>;

  // `reserve`: bytes that a model takes beside its weights, as long as nobody knows. Throws kIo;
  // kInvalid for a folder without any model.
  ModelFolder(const Tool& tool, std::string folder, std::uint64_t budget, std::uint64_t reserve,
              Open open);
  ~ModelFolder() override;
  ModelFolder(const ModelFolder&) = delete;
  ModelFolder& operator=(const ModelFolder&) = delete;

  bool choose() const noexcept override { return true; }
  FoundModel find(const std::string& name, const std::function<bool()>& gone) override;
  ModelsState state() override;
  EngineStats stats() const override;
  std::optional<Failure> failure() const override { return std::nullopt; }
  bool drain(std::chrono::milliseconds patience) override;
  void cancel_all() override;

 private:
  struct Entry {
    ModelFile file;
    std::shared_ptr<ServedModel> open;  // null: not, or about to go
    std::weak_ptr<ServedModel> alive;   // as long as some request has it
    std::uint64_t asked = 0;            // when it was last, in requests
    std::int64_t context = 0, opened = 0;
    std::uint64_t bytes = 0;  // that it takes where it is alive
  };
  using Lock = std::unique_lock<std::mutex>;
  using Kept = std::vector<std::shared_ptr<ServedModel>>;

  void look_again(Lock& lock);
  static void destroy(Lock& lock, Kept models);
  Entry* find_entry(const std::string& name);
  FoundModel unknown(const std::string& name) const;
  void drop_failed(Lock& lock, const std::string& name);
  std::shared_ptr<ServedModel> take(Entry& entry);
  FoundModel wait_and_open(Lock& lock, std::string name, const std::function<bool()>& gone);
  bool open_in_turn(Lock& lock, const std::string& name, std::uint64_t turn, FoundModel& out);
  bool make_room(Lock& lock, std::uint64_t bytes);
  FoundModel open(Lock& lock, const ModelFile& file, std::uint64_t expected);
  void let_go(ServedModel* model, std::uint64_t bytes) noexcept;
  Kept all_alive() const;

  const Tool& tool_;
  const std::string folder_;
  const std::uint64_t budget_, reserve_;
  const Open open_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Entry> entries_;
  std::list<std::uint64_t> turns_;  // of those who wait to open a model
  std::uint64_t last_turn_ = 0;
  std::uint64_t asked_ = 0;
  std::uint64_t taken_ = 0;  // bytes of all that are alive
  std::int64_t put_out_ = 0;
  double opening_seconds_ = 0.0;
  EngineStats gone_;  // of models that are alive no more
};

}  // namespace lathe::tool
