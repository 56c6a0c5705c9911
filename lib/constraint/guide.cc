#include "constraint/guide.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "base/fail.h"
#include "constraint/grammar.h"
#include "constraint/mask_maker.h"
#include "constraint/token_ends.h"

namespace lathe {
namespace {

// What is remembered goes when it takes more than this.
constexpr std::size_t kMemory = std::size_t{128} << 20;

}  // namespace

// What all guides of a constraint have computed together.
class ConstraintImpl final : public Constraint {
 public:
  ConstraintImpl(std::shared_ptr<const Grammar> grammar,
                 std::shared_ptr<const Vocabulary> vocabulary)
      : grammar_(std::move(grammar)),
        vocabulary_(std::move(vocabulary)),
        recognizer_(grammar_->impl().program()),
        maker_(recognizer_, *vocabulary_) {}

  const Grammar& grammar() const noexcept override { return *grammar_; }
  const Vocabulary& vocabulary() const noexcept override { return *vocabulary_; }

  void enter(Guide& guide) const {
    const std::lock_guard lock(mutex_);
    guide.at_ = recognizer_.start();
    look(guide);
    guides_.push_back(&guide);
  }
  void leave(Guide& guide) const noexcept {
    const std::lock_guard lock(mutex_);
    std::erase(guides_, &guide);
  }
  void read(Guide& guide, TokenId id) const {
    const std::lock_guard lock(mutex_);
    make_room();
    const std::string_view text = text_of(guide, id);
    guide.at_ = after(guide.at_, text);
    if (guide.at_ == Recognizer::kDead) {
      fail(ErrorCode::kBug, "a token was chosen that the grammar forbids");
    }
    guide.begins_ = false;
    guide.ahead_.follow(text);
    look(guide);
  }
  bool ends_within(const Guide& guide, TokenId next, std::size_t most) const {
    const std::lock_guard lock(mutex_);
    return ends().within(after(guide.at_, text_of(guide, next)), most);
  }
  std::optional<std::vector<TokenId>> ending(const Guide& guide, std::size_t most) const {
    const std::lock_guard lock(mutex_);
    return ends().find(guide.at_, most);
  }
  std::string text_ahead(const Guide& guide, std::size_t most) const {
    // Where most tokens are allowed there is a choice.
    constexpr std::size_t kFew = 1024;
    const std::lock_guard lock(mutex_);
    if (guide.begins_ || maker_.mask(guide.at_)->count() > kFew) return {};
    return guide.ahead_.guess(recognizer_, guide.at_, most);
  }
  std::shared_ptr<const TokenMask> mask(const Guide& guide) const {
    const std::lock_guard lock(mutex_);
    return guide.begins_ ? maker_.mask_at_beginning(guide.at_) : maker_.mask(guide.at_);
  }

 private:
  std::string_view text_of(const Guide& guide, TokenId id) const noexcept {
    std::string_view text = vocabulary_->text(id);
    if (guide.begins_ && text.starts_with(' ')) text.remove_prefix(1);
    return text;
  }
  ConfigId after(ConfigId at, std::string_view text) const {
    for (const char c : text) at = recognizer_.step(at, static_cast<std::uint8_t>(c));
    return at;
  }
  // Found out about the grammar when it is first asked for.
  TokenEnds& ends() const {
    if (!ends_) ends_.emplace(recognizer_, *vocabulary_);
    return *ends_;
  }
  void look(Guide& guide) const {
    guide.complete_ = recognizer_.complete(guide.at_);
    guide.goes_on_ = recognizer_.goes_on(guide.at_);
    guide.mask_.reset();
  }
  void make_room() const {
    if (recognizer_.bytes() + maker_.bytes() <= kMemory) return;
    std::vector<ConfigId*> live;
    for (Guide* guide : guides_) live.push_back(&guide->at_);
    recognizer_.forget(live);
    maker_.forget();
    if (ends_) ends_->forget();
  }

  std::shared_ptr<const Grammar> grammar_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  mutable std::mutex mutex_;
  mutable Recognizer recognizer_;
  mutable MaskMaker maker_;
  mutable std::optional<TokenEnds> ends_;
  mutable std::vector<Guide*> guides_;
};

Constraint::~Constraint() = default;

std::shared_ptr<const Constraint> Constraint::create(std::shared_ptr<const Grammar> grammar,
                                                     std::shared_ptr<const Vocabulary> vocabulary) {
  return std::make_shared<ConstraintImpl>(std::move(grammar), std::move(vocabulary));
}

std::shared_ptr<const Vocabulary> make_vocabulary(const Tokenizer& tokenizer) {
  return std::make_shared<Vocabulary>(tokenizer);
}

namespace {

const ConstraintImpl& impl(const Constraint& constraint) {
  return static_cast<const ConstraintImpl&>(constraint);
}

}  // namespace

Guide::Guide(std::shared_ptr<const Constraint> constraint, bool begins)
    : constraint_(std::move(constraint)), begins_(begins) {
  impl(*constraint_).enter(*this);
}

Guide::~Guide() { impl(*constraint_).leave(*this); }

const TokenMask& Guide::mask() {
  if (mask_ == nullptr) mask_ = impl(*constraint_).mask(*this);
  return *mask_;
}

bool Guide::ends_within(TokenId next, std::size_t most) const {
  return impl(*constraint_).ends_within(*this, next, most);
}

std::optional<std::vector<TokenId>> Guide::ending(std::size_t most) const {
  return impl(*constraint_).ending(*this, most);
}

std::string Guide::text_ahead(std::size_t most) const {
  return impl(*constraint_).text_ahead(*this, most);
}

void Guide::accept(TokenId id) { impl(*constraint_).read(*this, id); }

}  // namespace lathe
