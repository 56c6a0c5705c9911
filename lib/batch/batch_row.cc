#include "lathe/batch_row.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/escape.h"
#include "base/fail.h"
#include "base/json.h"
#include "base/json_raw.h"
#include "batch/row_error.h"
#include "batch/row_messages.h"
#include "tokenizer/chat/chat_json.h"

namespace lathe {
namespace {

constexpr std::int64_t kMany = std::int64_t{1} << 40;
constexpr std::int64_t kMaxAlternatives = 1000;
constexpr std::int64_t kMaxSamples = 1024;

// What a row says before it is put together: some keys mean something only beside others.
struct Draft {
  BatchRow& row;
  const RowDefaults& defaults;
  std::string place;  // "line 3", in messages
  bool chat;          // a prompt is a message
  bool max_tokens_given = false;
  std::optional<std::string> prompt = {};
  std::optional<std::string> system = {};
  std::optional<std::int64_t> top_logprobs = {};
  bool openai = false;
  bool streams = false;        // whoever asks may want the answer as it comes
  std::string_view text = {};  // the line
  std::string body = {};       // of OpenAI's form, as it was written
  ChatArguments arguments = {};
  std::string of_template = {};  // the last key that is for a chat template
  bool lenient = false;          // as --lenient-schema
};

// The object that has the row's keys, as it was written.
std::string_view value_text(const Draft& draft) {
  return draft.openai ? std::string_view(draft.body) : draft.text;
}

void read_messages(Draft& draft, const JsonView& value) {
  const std::string raw = raw_json_member(value_text(draft), "messages").value_or("[]");
  draft.row.messages = read_row_messages(value, raw);
}

// The key of a value that is for a chat template.
std::string template_key(Draft& draft, const JsonView& value) {
  draft.of_template = value.path().substr(value.path().rfind('.') + 1);
  return draft.of_template;
}

void read_tools(Draft& draft, const JsonView& value) {
  const std::string raw = raw_json_member(value_text(draft), "tools").value_or("[]");
  draft.row.tools = read_chat_tools(value, raw);
  if (!draft.row.tools.empty()) template_key(draft, value);
}

void read_template_args(Draft& draft, const JsonView& value) {
  const std::string key = template_key(draft, value);
  draft.arguments.add_all(value, raw_json_member(value_text(draft), key).value_or("{}"));
}

// What templates are told under its own name.
void read_template_arg(Draft& draft, const JsonView& value) {
  const std::string key = template_key(draft, value);
  draft.arguments.add(key, raw_json_member(value_text(draft), key).value_or("null"));
}

void read_prompt(Draft& draft, const JsonView& value) {
  if (value.is_string()) {
    draft.prompt = value.as_string();
    return;
  }
  if (!value.is_array()) value.fail_here("is neither a string nor an array of token ids");
  draft.row.ids.reserve(value.size());
  for (const JsonView& item : value.items()) {
    if (!item.is_integer()) {
      fail_unsupported("{}: several prompts in one row are not supported; give each its line",
                       value.path());
    }
    draft.row.ids.push_back(
        static_cast<TokenId>(item.as_int(0, std::numeric_limits<TokenId>::max())));
  }
  if (draft.row.ids.empty()) value.fail_here("is empty");
}

void read_stop(Draft& draft, const JsonView& value) {
  std::vector<std::string> stops;
  if (value.is_string()) {
    stops.push_back(value.as_string());
  } else {
    for (const JsonView& item : value.items()) stops.push_back(item.as_string());
  }
  for (const std::string& stop : stops) {
    if (stop.empty()) value.fail_here("has an empty text, which would stop before the first token");
  }
  draft.row.options.stop = std::move(stops);
}

// A number of alternatives (generate, OpenAI's completions), or whether at all (its chat).
void read_logprobs(Draft& draft, const JsonView& value) {
  if (value.is_bool()) {
    if (value.as_bool()) {
      draft.row.alternatives = draft.row.alternatives.value_or(0);
    } else {
      draft.row.alternatives.reset();
    }
    return;
  }
  const auto count = static_cast<int>(value.as_int(0, kMaxAlternatives));
  draft.row.alternatives = count;
  if (count == 0 && !draft.openai) draft.row.alternatives.reset();
}

void read_max_tokens(Draft& draft, const JsonView& value) {
  draft.row.options.max_tokens = value.as_int(-1, kMany);
  draft.max_tokens_given = true;
}

void read_seed(Draft& draft, const JsonView& value) {
  if (value.json().is_number_unsigned()) {
    draft.row.options.sampling.seed = value.json().get<std::uint64_t>();
  } else {
    value.as_int(0);
    draft.row.options.sampling.seed = value.json().get<std::uint64_t>();
  }
}

double number_in(const JsonView& value, double least, double most) {
  const double number = value.as_double();
  if (!(number >= least && number <= most)) {
    value.fail_here(fmt::format("is {}; {} to {} are possible", number, least, most));
  }
  return number;
}

// What an answer must be, which only one key can say.
GrammarText& grammar_of(Draft& draft, const JsonView& value, GrammarText::Kind kind) {
  if (draft.row.grammar) value.fail_here("says again what the answer must be");
  return draft.row.grammar.emplace(GrammarText{.kind = kind});
}

template <GrammarText::Kind Kind>
void read_text_as(Draft& draft, const JsonView& value) {
  grammar_of(draft, value, Kind).text = value.as_string();
}

void read_choice(Draft& draft, const JsonView& value) {
  GrammarText& grammar = grammar_of(draft, value, GrammarText::Kind::kChoice);
  for (const JsonView& item : value.items()) grammar.texts.push_back(item.as_string());
  if (grammar.texts.empty()) value.fail_here("is empty");
}

// A schema as an object, or as a text that holds one.
void read_schema(Draft& draft, const JsonView& value) {
  GrammarText& grammar = grammar_of(draft, value, GrammarText::Kind::kJsonSchema);
  if (value.is_string()) {
    grammar.text = value.as_string();
    return;
  }
  const std::string key = value.path().substr(value.path().rfind('.') + 1);
  // As it was written: the order of its members counts.
  grammar.text = raw_json_member(value_text(draft), key).value_or("{}");
}

void read_json_object(Draft& draft, const JsonView& value) {
  if (value.as_bool()) grammar_of(draft, value, GrammarText::Kind::kJsonObject);
}

// OpenAI's: {"type": "text"}, {"type": "json_object"}, or {"type": "json_schema", "json_schema":
// {"name": …, "strict": true, "schema": {…}}}. Where "strict" is false, keywords
// that are not enforced are passed over.
void read_response_format(Draft& draft, const JsonView& value) {
  const std::string type = value.at("type").as_string();
  if (type == "text") return;
  if (type == "json_object") {
    grammar_of(draft, value, GrammarText::Kind::kJsonObject);
    return;
  }
  if (type != "json_schema") {
    fail_unsupported("{}: the type should be \"text\", \"json_object\" or \"json_schema\", not {}",
                     value.path(), quoted(type));
  }
  GrammarText& grammar = grammar_of(draft, value, GrammarText::Kind::kJsonSchema);
  const JsonView format = value.at("json_schema");
  grammar.lenient = !format.get_bool("strict").value_or(true);
  format.at("schema").size();
  const auto outer = raw_json_member(value_text(draft), "response_format");
  const auto inner = raw_json_member(outer.value_or("{}"), "json_schema");
  grammar.text = raw_json_member(inner.value_or("{}"), "schema").value_or("{}");
}

using Reader = void (*)(Draft&, const JsonView&);

struct Key {
  std::string_view name;
  Reader read;
};

template <double SamplingOptions::*Member, int Most>
void read_sampling(Draft& draft, const JsonView& value) {
  draft.row.options.sampling.*Member = number_in(value, 0, Most);
}

template <std::int64_t Least>
std::int64_t integer(const JsonView& value) {
  return value.as_int(Least, kMany);
}

void read_penalty(Draft& draft, const JsonView& value) {
  draft.row.options.sampling.repeat_penalty = number_in(value, 1e-6, 1e6);
}

void read_samples(Draft& draft, const JsonView& value) {
  draft.row.samples = static_cast<int>(value.as_int(1, kMaxSamples));
}

void pass_over(Draft&, const JsonView&) {}

// What OpenAI's API offers and this program does only in its neutral setting.
void zero_only(Draft&, const JsonView& value) {
  if (value.as_double() != 0) fail_unsupported("{}: only 0 is supported", value.path());
}

void false_only(Draft&, const JsonView& value) {
  if (value.as_bool()) fail_unsupported("{}: only false is supported", value.path());
}

// Records are whole; a caller that waits for one answer may want to see it come.
void read_stream(Draft& draft, const JsonView& value) {
  draft.row.stream = value.as_bool();
  if (!draft.streams) false_only(draft, value);
}

void read_stream_options(Draft& draft, const JsonView& value) {
  if (!draft.streams) return;
  draft.row.stream_usage = value.get_bool("include_usage").value_or(false);
}

void empty_only(Draft&, const JsonView& value) {
  if (value.size() != 0) fail_unsupported("{}: is not supported unless empty", value.path());
}

// That a model has to call a tool is no matter of its prompt.
void no_choice_only(Draft&, const JsonView& value) {
  if (value.is_string() && (value.as_string() == "none" || value.as_string() == "auto")) return;
  fail_unsupported("{}: only \"none\" and \"auto\" are supported", value.path());
}

void text_modality_only(Draft&, const JsonView& value) {
  for (const JsonView& modality : value.items()) {
    if (modality.as_string() != "text") {
      fail_unsupported("{}: only \"text\" is supported, not {}", value.path(),
                       quoted(modality.as_string()));
    }
  }
}

void empty_text_only(Draft&, const JsonView& value) {
  if (!value.as_string().empty())
    fail_unsupported("{}: is not supported unless empty", value.path());
}

// What answers are without being asked for more or less of them.
void medium_only(Draft&, const JsonView& value) {
  if (value.as_string() != "medium") {
    fail_unsupported("{}: only \"medium\" is supported", value.path());
  }
}

void one_only(Draft&, const JsonView& value) {
  if (value.as_int() != 1) fail_unsupported("{}: only 1 is supported; see n", value.path());
}

constexpr Key kKeys[] = {
    {"prompt", read_prompt},
    {"messages", read_messages},
    {"system", [](Draft& d, const JsonView& v) { d.system = v.as_string(); }},
    {"chat", [](Draft& d, const JsonView& v) { d.chat = v.as_bool(); }},
    {"template_args", read_template_args},
    {"chat_template_kwargs", read_template_args},
    {"reasoning_effort", read_template_arg},
    {"documents", read_template_arg},
    {"chat_template", [](Draft& d, const JsonView& v) { d.row.chat_template = v.as_string(); }},
    {"tokens", read_max_tokens},
    {"max_tokens", read_max_tokens},
    {"max_completion_tokens", read_max_tokens},
    {"stop", read_stop},
    {"ignore_eos", [](Draft& d, const JsonView& v) { d.row.options.ignore_eos = v.as_bool(); }},
    {"echo", [](Draft& d, const JsonView& v) { d.row.echo = v.as_bool(); }},
    {"special", [](Draft& d, const JsonView& v) { d.row.special = v.as_bool(); }},
    {"temp", read_sampling<&SamplingOptions::temperature, 1'000'000>},
    {"temperature", read_sampling<&SamplingOptions::temperature, 1'000'000>},
    {"top_k",
     [](Draft& d, const JsonView& v) {
       const auto k = integer<-1>(v);  // -1 is off elsewhere
       d.row.options.sampling.top_k = k < 0 ? 0 : k;
     }},
    {"top_p", read_sampling<&SamplingOptions::top_p, 1>},
    {"min_p", read_sampling<&SamplingOptions::min_p, 1>},
    {"repeat_penalty", read_penalty},
    {"repetition_penalty", read_penalty},
    {"repeat_last",
     [](Draft& d, const JsonView& v) { d.row.options.sampling.repeat_last = integer<-1>(v); }},
    {"seed", read_seed},
    {"n", read_samples},
    {"n_best", read_samples},
    {"logprobs", read_logprobs},
    {"top_logprobs",
     [](Draft& d, const JsonView& v) { d.top_logprobs = v.as_int(0, kMaxAlternatives); }},
    {"timeout", [](Draft& d, const JsonView& v) { d.row.timeout = number_in(v, 0, 1e9); }},
    {"metadata", pass_over},
    {"model", [](Draft& d, const JsonView& v) { d.row.model = v.as_string(); }},
    {"user", pass_over},
    {"store", pass_over},
    {"service_tier", pass_over},
    {"safety_identifier", pass_over},
    {"prompt_cache_key", pass_over},
    {"prompt_cache_retention", pass_over},
    {"stream_options", read_stream_options},
    {"parallel_tool_calls", pass_over},
    {"stream", read_stream},
    {"presence_penalty", zero_only},
    {"frequency_penalty", zero_only},
    {"logit_bias", empty_only},
    {"tools", read_tools},
    {"functions", empty_only},
    {"tool_choice", no_choice_only},
    {"function_call", no_choice_only},
    {"modalities", text_modality_only},
    {"suffix", empty_text_only},
    {"response_format", read_response_format},
    {"grammar", read_text_as<GrammarText::Kind::kGbnf>},
    {"guided_grammar", read_text_as<GrammarText::Kind::kGbnf>},
    {"regex", read_text_as<GrammarText::Kind::kRegex>},
    {"guided_regex", read_text_as<GrammarText::Kind::kRegex>},
    {"choice", read_choice},
    {"guided_choice", read_choice},
    {"json_schema", read_schema},
    {"guided_json", read_schema},
    {"json_object", read_json_object},
    {"finish", [](Draft& d, const JsonView& v) { d.row.finish = v.as_bool(); }},
    {"lenient_schema", [](Draft& d, const JsonView& v) { d.lenient = v.as_bool(); }},
    {"best_of", one_only},
    {"verbosity", medium_only},
};

const Key* find_key(std::string_view name) {
  for (const Key& key : kKeys) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

void read_keys(Draft& draft, const JsonView& body) {
  const auto read = [&](const std::string& name, const JsonView& value) {
    if (value.json().is_null() || (name == "id" && !draft.openai)) return;
    const Key* key = find_key(name);
    if (key == nullptr) {
      fail_unsupported("{}: unknown key {}; what is only to be carried along goes into metadata",
                       quoted(body.file()), quoted(name));
    }
    // Names of the same thing.
    if (key->read == read_max_tokens && draft.max_tokens_given) {
      value.fail_here("says again how many tokens");
    }
    key->read(draft, value);
  };
  body.for_each(read);
}

std::string dump(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// What the row tells the template comes before what all rows do.
void put_together_template(Draft& draft) {
  BatchRow& row = draft.row;
  row.template_args = draft.arguments.take();
  if (row.messages.empty()) {
    if (row.tools.empty() && row.template_args.empty()) return;
    fail_unsupported("{}: {} is for a conversation", draft.place, quoted(draft.of_template));
  }
  if (row.tools.empty()) row.tools = draft.defaults.tools;
  if (row.template_args.empty()) {
    row.template_args = draft.defaults.template_args;
  } else if (!draft.defaults.template_args.empty()) {
    row.template_args = merged_arguments(draft.defaults.template_args, row.template_args);
  }
}

void put_together(Draft& draft) {
  BatchRow& row = draft.row;
  const int sources =
      (draft.prompt ? 1 : 0) + (row.ids.empty() ? 0 : 1) + (row.messages.empty() ? 0 : 1);
  if (sources != 1) {
    fail_invalid("{}: {}", draft.place,
                 sources == 0 ? "there is neither \"prompt\" nor \"messages\""
                              : "\"prompt\" and \"messages\" exclude each other");
  }
  if (draft.prompt) {
    if (draft.chat) {
      row.messages.push_back({"user", *std::move(draft.prompt)});
    } else {
      row.prompt = *std::move(draft.prompt);
    }
  }
  if (row.messages.empty()) {
    if (draft.system && !draft.chat)
      fail_invalid("{}: \"system\" is for a conversation", draft.place);
  } else {
    if (!draft.system) draft.system = draft.defaults.system;
    if (draft.system && row.messages.front().role != "system") {
      row.messages.insert(row.messages.begin(), {"system", *draft.system});
    }
    if (!draft.max_tokens_given) row.options.max_tokens = draft.defaults.chat_tokens;
  }
  put_together_template(draft);
  if (row.grammar && draft.lenient) row.grammar->lenient = true;
  if (row.finish && !draft.defaults.finish && !row.grammar && !row.options.constraint) {
    fail_invalid("{}: \"finish\" is for answers that something is asked of, as by \"grammar\"",
                 draft.place);
  }
  if (draft.top_logprobs) {
    if (!row.alternatives && *draft.top_logprobs > 0) {
      fail_invalid("{}: \"top_logprobs\" needs \"logprobs\": true", draft.place);
    }
    if (row.alternatives) row.alternatives = static_cast<int>(*draft.top_logprobs);
  }
  // The generator lists at least one alternative where it records anything.
  row.options.logprobs = row.alternatives ? std::max(1, *row.alternatives) : 0;
}

// What the record repeats: as it was written where a document does not hold all of it.
std::string repeated(const JsonView& root, const char* key, const Draft& draft) {
  const auto member = root.find(key);
  if (!member) return {};
  const nlohmann::json& value = member->json();
  const bool may_be_minus_zero = value.is_number_integer() && value == 0;
  if (value.is_structured() || value.is_number_float() || may_be_minus_zero) {
    return raw_json_member(draft.text, key).value_or(std::string());
  }
  return dump(value);
}

void read_plain(const JsonView& root, Draft& draft) {
  draft.row.id = repeated(root, "id", draft);
  draft.row.metadata = repeated(root, "metadata", draft);
  read_keys(draft, root);
}

void read_openai_body(const JsonView& body, Draft& draft) {
  draft.chat = false;
  read_keys(draft, body);
  const BatchRow& row = draft.row;
  const bool chat = row.form == BatchRow::Form::kOpenAiChat;
  if (chat && row.messages.empty()) body.fail_here("has no \"messages\"");
  if (!chat && !row.messages.empty()) body.fail_here("has \"messages\", not a \"prompt\"");
}

void read_openai(const JsonView& root, Draft& draft) {
  BatchRow& row = draft.row;
  draft.openai = true;
  draft.body = raw_json_member(draft.text, "body").value_or("{}");
  row.form = BatchRow::Form::kOpenAiChat;
  row.id = repeated(root, "custom_id", draft);
  const auto url = root.get_string("url").value_or("/v1/chat/completions");
  if (url == "/v1/completions") {
    row.form = BatchRow::Form::kOpenAiText;
  } else if (url != "/v1/chat/completions") {
    fail_unsupported("$.url: {} is not supported; /v1/chat/completions and /v1/completions are",
                     quoted(url));
  }
  if (const auto method = root.get_string("method"); method && *method != "POST") {
    fail_invalid("{}: $.method is {}; it should be \"POST\"", quoted(root.file()), quoted(*method));
  }
  root.for_each([&](const std::string& key, const JsonView& value) {
    if (key == "custom_id" || key == "url" || key == "method" || key == "body" || key == "id" ||
        value.json().is_null()) {
      return;
    }
    fail_unsupported("{}: unknown key {} beside \"body\"", quoted(root.file()), quoted(key));
  });
  read_openai_body(root.at("body"), draft);
}

BatchRow row_with(const RowDefaults& defaults) {
  BatchRow row;
  row.options = defaults.options;
  row.finish = defaults.finish;
  if (defaults.options.logprobs > 0) row.alternatives = defaults.options.logprobs;
  row.samples = defaults.samples;
  row.timeout = defaults.timeout;
  row.special = defaults.special;
  row.echo = defaults.echo;
  row.chat_template = defaults.chat_template;
  row.reasoning_apart = defaults.reasoning_apart;
  row.reasoning_dropped = defaults.reasoning_dropped;
  return row;
}

std::string place_of(std::uint64_t line) { return fmt::format("line {}", line); }

// The reader's messages begin with the place as if it were a file's name, or with what is inside.
std::string with_place(const std::string& message, const std::string& place) {
  const std::string as_file = quoted(place) + ": ";
  const std::string_view rest =
      std::string_view(message).substr(message.starts_with(as_file) ? as_file.size() : 0);
  return rest.starts_with(place) ? std::string(rest) : fmt::format("{}: {}", place, rest);
}

// A row by what `read` finds in the line, which should be `what`.
template <typename Read>
BatchRow read_row(std::string_view text, std::string place, const RowDefaults& defaults,
                  const char* what, Read&& read) {
  BatchRow row = row_with(defaults);
  Draft draft{row, defaults, std::move(place), defaults.chat};
  try {
    if (text.find_first_not_of(" \t") == std::string_view::npos) {
      fail_invalid("{} is blank: it should be {}", draft.place, what);
    }
    read(draft);
    put_together(draft);
    validate(row.options.sampling);
  } catch (const Error& error) {
    row.error = row_error(error);
    row.error->message = with_place(row.error->message, draft.place);
  }
  return row;
}

}  // namespace

BatchRow parse_batch_row(std::string_view text, std::uint64_t line, const RowDefaults& defaults) {
  return read_row(text, place_of(line), defaults, "a JSON object", [&](Draft& draft) {
    draft.text = text;
    const nlohmann::json document = parse_json(text, draft.place);
    const JsonView root(document, draft.place);
    if (!root.is_object()) root.fail_here("is no JSON object");
    const bool openai = root.contains("custom_id") || root.contains("body");
    openai ? read_openai(root, draft) : read_plain(root, draft);
  });
}

BatchRow parse_openai_body(std::string_view text, BatchRow::Form form,
                           const RowDefaults& defaults) {
  return read_row(text, "the request", defaults, "a JSON object", [&](Draft& draft) {
    draft.text = text;
    draft.body = text;
    draft.openai = true;
    draft.streams = true;
    draft.row.form = form;
    const nlohmann::json document = parse_json(text, draft.place);
    const JsonView root(document, draft.place);
    if (!root.is_object()) root.fail_here("is no JSON object");
    read_openai_body(root, draft);
  });
}

BatchRow plain_text_row(std::string_view text, std::uint64_t line, const RowDefaults& defaults) {
  return read_row(text, place_of(line), defaults, "a prompt",
                  [&](Draft& draft) { draft.prompt = std::string(text); });
}

}  // namespace lathe
