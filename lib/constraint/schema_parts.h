// Schemas as conjunctions: what holds for one value, from $ref, allOf and the keywords beside them.
//
// Views of one document, which outlives them. Errors: kInvalid and kUnsupported, with the file and
// the path of the schema.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace lathe {

using SchemaJson = nlohmann::ordered_json;  // members in the file's order

// All of these hold for a value. Of `objects` the keywords that are no conjunctions count; of each
// of `choices`, an array under anyOf or oneOf, one schema holds besides.
struct SchemaParts {
  std::set<const SchemaJson*> objects, choices;
  bool nothing = false;  // false stands among them: no value is allowed

  void add(const SchemaParts& other) {
    objects.insert(other.objects.begin(), other.objects.end());
    choices.insert(other.choices.begin(), other.choices.end());
    nothing = nothing || other.nothing;
  }
  friend bool operator==(const SchemaParts&, const SchemaParts&) = default;
  friend auto operator<=>(const SchemaParts&, const SchemaParts&) = default;
};

class SchemaDocument {
 public:
  // Throws kInvalid, kLimit.
  SchemaDocument(std::string_view text, std::string file, bool lenient);

  const SchemaJson& root() const noexcept { return root_; }
  bool lenient() const noexcept { return lenient_; }
  // Follows references and conjunctions.
  SchemaParts parts(const SchemaJson& schema) const;
  // Whether `choice` stands under oneOf.
  bool is_one_of(const SchemaJson* choice) const { return one_ofs_.count(choice) > 0; }

  [[noreturn]] void fail_invalid_at(const SchemaJson& schema, std::string_view what) const;
  [[noreturn]] void fail_unsupported_at(const SchemaJson& schema, std::string_view what) const;

 private:
  void note_places(const SchemaJson& value, const std::string& path);
  void collect(const SchemaJson& schema, std::vector<const SchemaJson*>& open,
               SchemaParts& out) const;
  void check_keywords(const SchemaJson& schema) const;
  const SchemaJson& target(const SchemaJson& schema, const std::string& reference) const;
  std::string place(const SchemaJson& schema) const;

  std::string file_;
  bool lenient_;
  SchemaJson root_;
  std::map<const SchemaJson*, std::string> places_;
  std::map<std::string, const SchemaJson*> anchors_;
  std::set<const SchemaJson*> one_ofs_;
};

}  // namespace lathe
