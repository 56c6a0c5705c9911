// A grammar that can be run.
#pragma once

#include <memory>
#include <string>

#include "lathe/constraint.h"

#include "constraint/program.h"
#include "constraint/rules.h"

namespace lathe {

class GrammarImpl final : public Grammar {
 public:
  // Throws kInvalid where no text at all is derived: `what` names the grammar.
  GrammarImpl(const Rules& rules, GrammarText text, const std::string& what);

  Match match(std::string_view text) const override;
  const std::string& source() const noexcept override { return source_; }
  const GrammarText& text() const noexcept override { return text_; }
  const GrammarImpl& impl() const noexcept override { return *this; }

  const std::shared_ptr<const Program>& program() const noexcept { return program_; }

 private:
  std::shared_ptr<const Program> program_;
  GrammarText text_;
  std::string source_;
};

}  // namespace lathe
