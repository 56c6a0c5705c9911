// Reads bytes and knows what may follow: Earley's algorithm over a Program, with what was seen
// before remembered.
//
// A configuration is what Earley calls a set: items (state, the rule that it works for, counter,
// and the configuration in which that rule began). Configurations are numbered, and equal ones are
// one: inside of a string a character leads back to where it came from, so that most steps are one
// look into a table. Items that begin in their own configuration follow from the others and are no
// part of what is compared. Where a use of a rule is the last thing of another, the rule works for
// that one at once, so that recursion on the right grows nothing.
//
// Every configuration but kDead can be completed to a text of the grammar (program.h).
//
// Bounds: kLimit for a configuration of too many items, as very ambiguous grammars have, and where
// what is remembered exceeds the memory that forget() cannot give back. Belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "constraint/program.h"

namespace lathe {

using ConfigId = std::uint32_t;

struct Item {
  StateId state = 0;
  RuleId rule = 0;  // what is complete when the state accepts
  std::uint32_t counter = 0;
  ConfigId origin = 0;  // where it began
  friend auto operator<=>(const Item&, const Item&) = default;
};

class Recognizer {
 public:
  static constexpr ConfigId kDead = 0;     // nothing can follow, and nothing is complete
  static constexpr ConfigId kOutside = 1;  // the origin of what nobody waits for

  explicit Recognizer(std::shared_ptr<const Program> program);

  // Before the first byte; kDead where the grammar derives nothing.
  ConfigId start();
  // A state by itself, whoever uses its rule.
  ConfigId alone(StateId state, std::uint32_t counter);
  // After one more byte.
  ConfigId step(ConfigId from, std::uint8_t byte) {
    const ConfigId known = configs_[from].next[program_->class_of[byte]];
    return known != kUnknown ? known : compute_step(from, byte);
  }
  // After the end of `rule` that began in `origin`: all that may come then.
  ConfigId after(RuleId rule, ConfigId origin);

  // What waits for the end of `rule` that began in `origin`, as it is then; a step was made from
  // there. Moves with the next call.
  std::span<const Item> waiting(RuleId rule, ConfigId origin);
  // Whether what began outside (the whole text, or alone()'s state) may end here.
  bool complete(ConfigId id) const noexcept { return configs_[id].complete; }
  // Whether a byte may follow.
  bool goes_on(ConfigId id) const noexcept { return configs_[id].item_count > 0; }
  std::span<const Item> items(ConfigId id) const noexcept {
    return std::span(items_).subspan(configs_[id].items, configs_[id].item_count);
  }

  const Program& program() const noexcept { return *program_; }
  std::size_t bytes() const noexcept { return bytes_; }
  // Keeps only what the configurations of `live` consist of, and gives them their new numbers.
  void forget(std::span<ConfigId*> live);

 private:
  static constexpr ConfigId kUnknown = 0xffffffff;

  struct Waiting {
    std::uint32_t first = 0, count = 0;  // in waiting_
  };
  struct Config {
    std::uint32_t items = 0, item_count = 0;  // in items_
    bool complete = false;
    ConfigId* next = nullptr;  // by class of bytes
    std::vector<Item> all;     // with what follows from them, once it is known
    // Of many: for each class of bytes where its readers begin, counted from behind these, and
    // their places in `all`.
    std::vector<std::uint32_t> readers_of;
    std::unordered_map<RuleId, Waiting> waiting;
  };
  // What is gathered for a new configuration.
  struct Draft {
    std::vector<Item> items;
    bool complete = false;
  };

  ConfigId compute_step(ConfigId from, std::uint8_t byte);
  void close(ConfigId id);
  void find_readers(Config& config);

  void begin_draft();
  void add(const Item& item);
  ConfigId finish_draft();
  ConfigId intern(std::span<const Item> items, bool complete);
  void grow_index();
  ConfigId new_config();
  bool note(std::uint64_t a, std::uint64_t b);

  std::shared_ptr<const Program> program_;
  std::vector<Config> configs_;
  std::vector<std::unique_ptr<ConfigId[]>> tables_;
  std::size_t table_used_ = 0;
  std::vector<Item> items_, waiting_;
  std::unordered_map<std::uint64_t, ConfigId> after_;
  std::vector<ConfigId> index_;  // open addressing, by items
  Draft draft_;
  struct Noted {
    std::uint64_t a = 0, b = 0;
    std::uint32_t round = 0;
  };
  std::vector<Noted> noted_;  // open addressing: items and ends of the draft
  std::size_t noted_count_ = 0;
  std::uint32_t round_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace lathe
