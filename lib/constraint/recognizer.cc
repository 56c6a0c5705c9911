#include "constraint/recognizer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/fail.h"

namespace lathe {
namespace {

// Items of a configuration; the first have been read up to here, the others follow from them.
constexpr std::size_t kMaxItems = std::size_t{1} << 14, kMaxClosure = std::size_t{1} << 21;
constexpr std::size_t kMaxBytes = std::size_t{1} << 30;
constexpr std::size_t kTablesAtOnce = 64;
// More are not all asked for each byte.
constexpr std::size_t kFewItems = 8;

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) noexcept {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
  return hash ^ (hash >> 29);
}

std::uint64_t first_half(const Item& item) noexcept {
  return (std::uint64_t{item.state} << 32) | item.rule;
}
std::uint64_t second_half(const Item& item) noexcept {
  return (std::uint64_t{item.counter} << 32) | item.origin;
}

std::uint64_t hash_of(std::span<const Item> items, bool complete) noexcept {
  std::uint64_t hash = complete ? 7 : 3;
  for (const Item& item : items) hash = mix(mix(hash, first_half(item)), second_half(item));
  return hash;
}

[[noreturn]] void too_ambiguous() {
  fail(ErrorCode::kLimit,
       "the grammar is too ambiguous: there are more than {} ways to read the text so far",
       kMaxItems);
}

}  // namespace

Recognizer::Recognizer(std::shared_ptr<const Program> program)
    : program_(std::move(program)), index_(1024, kDead), noted_(256) {
  new_config();  // kDead
  new_config();  // kOutside
  std::fill_n(configs_[kDead].next, program_->classes, kDead);
  std::fill_n(configs_[kOutside].next, program_->classes, kDead);
}

ConfigId Recognizer::start() {
  if (program_->derives_nothing) return kDead;
  const StateId state = program_->starts.front();
  // A rule's first state accepts nothing by itself: its empty text is the user's affair.
  const Item item{state, 0, 0, kOutside};
  const bool goes_on = program_->states[state].goes_on();
  return intern(goes_on ? std::span(&item, 1) : std::span<const Item>(), program_->accepts_empty);
}

ConfigId Recognizer::alone(StateId state, std::uint32_t counter) {
  const Item item{state, 0, counter, kOutside};
  return intern(std::span(&item, 1), false);
}

ConfigId Recognizer::new_config() {
  if (tables_.empty() || table_used_ == kTablesAtOnce) {
    tables_.push_back(std::make_unique<ConfigId[]>(kTablesAtOnce * program_->classes));
    table_used_ = 0;
    bytes_ += kTablesAtOnce * program_->classes * sizeof(ConfigId);
  }
  Config config;
  config.next = tables_.back().get() + program_->classes * table_used_++;
  std::fill_n(config.next, program_->classes, kUnknown);
  configs_.push_back(std::move(config));
  bytes_ += sizeof(Config);
  if (bytes_ > kMaxBytes) {
    fail(ErrorCode::kLimit,
         "the grammar and the text so far take more than {} MiB: the text is nested too deeply, "
         "or the grammar is too large",
         kMaxBytes >> 20);
  }
  return static_cast<ConfigId>(configs_.size() - 1);
}

ConfigId Recognizer::compute_step(ConfigId from, std::uint8_t byte) {
  const std::uint8_t byte_class = program_->class_of[byte];
  if (configs_[from].all.empty()) {
    close(from);
    const ConfigId known = configs_[from].next[byte_class];
    if (known != kUnknown) return known;
  }
  begin_draft();
  // The draft may move configs_; `all` stays where it is.
  const std::vector<Item>& all = configs_[from].all;
  const std::vector<std::uint32_t>& begins = configs_[from].readers_of;
  const auto read = [&](const Item& item) {
    const State& state = program_->states[item.state];
    for (const ByteStep& s : program_->bytes(state)) {
      if (s.low > byte) break;  // in order
      if (s.high < byte || !program_->allows(s.step.when, item.state, item.counter)) continue;
      add({s.step.target, item.rule, program_->counter(s.step.then, item.state, item.counter),
           item.origin});
    }
  };
  if (begins.empty()) {
    for (const Item& item : all) read(item);
  } else {
    for (std::uint32_t i = begins[byte_class]; i < begins[byte_class + 1u]; ++i) {
      read(all[begins[program_->classes + 1u + i]]);
    }
  }
  const ConfigId to = finish_draft();
  configs_[from].next[byte_class] = to;
  return to;
}

// Which classes of bytes some item reads; the others lead to nothing. Where items are many, it is
// noted which of them read what.
void Recognizer::find_readers(Config& config) {
  std::array<std::uint32_t, 257> count{};
  const bool many = config.all.size() > kFewItems;
  std::vector<std::pair<std::uint8_t, std::uint32_t>> readers;
  for (std::uint32_t i = 0; i < config.all.size(); ++i) {
    for (const ByteStep& s : program_->bytes(program_->states[config.all[i].state])) {
      const std::uint32_t last = program_->class_of[s.high];
      for (std::uint32_t c = program_->class_of[s.low]; c <= last; ++c) {
        ++count[c + 1];
        if (many) readers.emplace_back(static_cast<std::uint8_t>(c), i);
      }
    }
  }
  for (std::uint32_t c = 0; c < program_->classes; ++c) {
    if (count[c + 1] == 0) config.next[c] = kDead;
  }
  if (!many) return;
  std::sort(readers.begin(), readers.end());
  readers.erase(std::unique(readers.begin(), readers.end()), readers.end());
  config.readers_of.assign(program_->classes + 1u, 0);
  for (const auto& [byte_class, item] : readers) ++config.readers_of[byte_class + 1u];
  for (std::uint32_t c = 0; c < program_->classes; ++c) {
    config.readers_of[c + 1] += config.readers_of[c];
  }
  for (const auto& [byte_class, item] : readers) config.readers_of.push_back(item);
  bytes_ += config.readers_of.size() * sizeof(std::uint32_t);
}

ConfigId Recognizer::after(RuleId rule, ConfigId origin) {
  const std::uint64_t key = (std::uint64_t{rule} << 32) | origin;
  if (const auto known = after_.find(key); known != after_.end()) return known->second;
  begin_draft();
  for (const Item& item : waiting(rule, origin)) add(item);
  const ConfigId id = finish_draft();
  after_.emplace(key, id);
  bytes_ += 48;
  return id;
}

// The items that follow from a configuration's own: what the rules that may come next begin with.
void Recognizer::close(ConfigId id) {
  if (!configs_[id].all.empty()) return;
  ++round_;
  noted_count_ = 0;
  const std::span<const Item> own = items(id);
  std::vector<Item> all(own.begin(), own.end());
  for (const Item& item : all) note(first_half(item), second_half(item));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Item item = all[i];
    for (const UseStep& use : program_->uses(program_->states[item.state])) {
      if (!program_->allows(use.step.when, item.state, item.counter)) continue;
      Item first{program_->starts[use.rule], use.rule, 0, id};
      if (use.last) first = {program_->starts[use.rule], item.rule, 0, item.origin};
      if (note(first_half(first), second_half(first))) all.push_back(first);
    }
    if (all.size() > kMaxClosure) too_ambiguous();
  }
  bytes_ += all.size() * sizeof(Item);
  configs_[id].all = std::move(all);
  find_readers(configs_[id]);
}

std::span<const Item> Recognizer::waiting(RuleId rule, ConfigId origin) {
  if (origin == kOutside) return {};
  const auto known = configs_[origin].waiting.find(rule);
  if (known != configs_[origin].waiting.end()) {
    return std::span(waiting_).subspan(known->second.first, known->second.count);
  }
  Waiting found{static_cast<std::uint32_t>(waiting_.size()), 0};
  for (const Item& item : configs_[origin].all) {
    for (const UseStep& use : program_->uses(program_->states[item.state])) {
      if (use.rule != rule || use.last) continue;
      if (!program_->allows(use.step.when, item.state, item.counter)) continue;
      waiting_.push_back({use.step.target, item.rule,
                          program_->counter(use.step.then, item.state, item.counter), item.origin});
    }
  }
  found.count = static_cast<std::uint32_t>(waiting_.size()) - found.first;
  configs_[origin].waiting.emplace(rule, found);
  bytes_ += found.count * sizeof(Item) + 64;
  return std::span(waiting_).subspan(found.first, found.count);
}

void Recognizer::begin_draft() {
  ++round_;
  noted_count_ = 0;
  draft_.items.clear();
  draft_.complete = false;
}

void Recognizer::add(const Item& item) {
  if (note(first_half(item), second_half(item))) draft_.items.push_back(item);
}

ConfigId Recognizer::finish_draft() {
  constexpr std::uint64_t kEnd = std::numeric_limits<std::uint64_t>::max();
  std::vector<Item>& all = draft_.items;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Item item = all[i];
    if (!program_->accepts(item.state, item.counter)) continue;
    if (item.origin == kOutside) {
      draft_.complete = true;
    } else if (note(kEnd, (std::uint64_t{item.rule} << 32) | item.origin)) {
      const std::span<const Item> next = waiting(item.rule, item.origin);
      for (const Item& other : next) add(other);
    }
    if (all.size() > kMaxClosure) too_ambiguous();
  }
  std::erase_if(all,
                [&](const Item& item) { return !program_->goes_on(item.state, item.counter); });
  if (all.size() > kMaxItems) too_ambiguous();
  std::sort(all.begin(), all.end());
  return intern(all, draft_.complete);
}

ConfigId Recognizer::intern(std::span<const Item> items, bool complete) {
  if (items.empty() && !complete) return kDead;
  const std::size_t mask = index_.size() - 1;
  std::size_t at = hash_of(items, complete) & mask;
  for (; index_[at] != kDead; at = (at + 1) & mask) {
    const Config& config = configs_[index_[at]];
    if (config.complete == complete && std::ranges::equal(this->items(index_[at]), items)) {
      return index_[at];
    }
  }
  const ConfigId id = new_config();
  configs_[id].items = static_cast<std::uint32_t>(items_.size());
  configs_[id].item_count = static_cast<std::uint32_t>(items.size());
  configs_[id].complete = complete;
  items_.insert(items_.end(), items.begin(), items.end());
  bytes_ += items.size() * sizeof(Item);
  index_[at] = id;
  if (2 * configs_.size() > index_.size()) grow_index();
  return id;
}

void Recognizer::grow_index() {
  index_.assign(index_.size() * 2, kDead);
  const std::size_t mask = index_.size() - 1;
  for (ConfigId id = kOutside + 1; id < configs_.size(); ++id) {
    std::size_t at = hash_of(items(id), configs_[id].complete) & mask;
    while (index_[at] != kDead) at = (at + 1) & mask;
    index_[at] = id;
  }
}

// Whether it is new in this round.
bool Recognizer::note(std::uint64_t a, std::uint64_t b) {
  if (2 * (noted_count_ + 1) > noted_.size()) {
    std::vector<Noted> old(noted_.size() * 2);
    std::swap(old, noted_);
    const std::size_t mask = noted_.size() - 1;
    for (const Noted& noted : old) {
      if (noted.round != round_) continue;
      std::size_t at = mix(mix(1, noted.a), noted.b) & mask;
      while (noted_[at].round == round_) at = (at + 1) & mask;
      noted_[at] = noted;
    }
  }
  const std::size_t mask = noted_.size() - 1;
  std::size_t at = mix(mix(1, a), b) & mask;
  for (; noted_[at].round == round_; at = (at + 1) & mask) {
    if (noted_[at].a == a && noted_[at].b == b) return false;
  }
  noted_[at] = {a, b, round_};
  ++noted_count_;
  return true;
}

void Recognizer::forget(std::span<ConfigId*> live) {
  std::vector<char> kept(configs_.size(), 0);
  for (const ConfigId* id : live) kept[*id] = 1;
  // What a configuration consists of has lower numbers than itself.
  for (std::size_t id = configs_.size(); id-- > 0;) {
    if (kept[id] == 0) continue;
    for (const Item& item : items(static_cast<ConfigId>(id))) kept[item.origin] = 1;
  }
  Recognizer fresh(program_);
  std::vector<ConfigId> renamed(configs_.size(), kDead);
  renamed[kOutside] = kOutside;
  std::vector<Item> renewed;
  for (ConfigId id = kOutside + 1; id < configs_.size(); ++id) {
    if (kept[id] == 0) continue;
    const std::span<const Item> own = items(id);
    renewed.assign(own.begin(), own.end());
    for (Item& item : renewed) item.origin = renamed[item.origin];
    renamed[id] = fresh.intern(renewed, configs_[id].complete);
  }
  for (ConfigId id = kOutside + 1; id < configs_.size(); ++id) {
    // An origin is asked for its items before a step is made from it.
    if (kept[id] != 0) fresh.close(renamed[id]);
  }
  for (ConfigId* id : live) *id = renamed[*id];
  *this = std::move(fresh);
}

}  // namespace lathe
