// liblathe for C, and for languages that call C; lathe(3) shows a whole program.
//
//   lathe_model* model = NULL;
//   lathe_session* session = NULL;
//   if (lathe_model_open("model.gguf", NULL, &model) != LATHE_OK) puts(lathe_message());
//   ...
//   lathe_session_free(session);
//   lathe_model_free(model);
//
// It is the core's part for one text at a time: text and ids, answers, logits, hidden states, a
// state that goes to a file. The rest is C++ (lathe/lathe.h).
//
// - A call that can fail returns a lathe_code, and lathe_message() says what was wrong. Nothing
//   was given out then. No exception leaves this interface, and callbacks must let none in.
// - Whoever makes a handle frees it; NULL may be freed. A session keeps what it needs of its model.
// - A model may be used by several threads at once, other handles by one at a time.
// - A text is UTF-8 with its length in bytes. Options may be NULL: the defaults.
// - Structures change only with the number in the library's name (liblathe.so.0.1).
#ifndef LATHE_C_LATHE_H
#define LATHE_C_LATHE_H

#include <stddef.h>
#include <stdint.h>

#include "lathe/export.h"

#ifdef __cplusplus
extern "C" {
#endif

// Why a call failed; the values are the exit statuses of the tools (lathe(7)).
typedef enum lathe_code {
  LATHE_OK = 0,
  LATHE_FAILED = 1,
  LATHE_USAGE = 2,        // an argument that is NULL, or out of its range
  LATHE_INVALID = 3,      // the input is malformed or unsafe
  LATHE_IO = 4,           // reading or writing failed, or the output exists
  LATHE_LIMIT = 5,        // out of memory, or over a limit: the context, the room that was given
  LATHE_UNSUPPORTED = 6,  // well-formed, but this library does not do it
  LATHE_BUG = 70          // an invariant of this library is broken
} lathe_code;

// One sentence about the last call that failed on this thread; "" when none has. Valid until the
// thread's next call.
LATHE_API const char* lathe_message(void);
// "0.1.0"
LATHE_API const char* lathe_version(void);

// ---- models: weights and a tokenizer

typedef struct lathe_model lathe_model;

typedef struct lathe_model_options {
  const char* tokenizer;  // a file to take the tokenizer from; NULL: the model's own
  const char* lora;       // an adapter, see lathe/lora.h; NULL: none
  int in_memory;          // not 0: reads the weights, rather than using them where they are mapped
} lathe_model_options;

// Opens a .lathe or .gguf file, or a folder in Hugging Face's layout.
LATHE_API lathe_code lathe_model_open(const char* path, const lathe_model_options* options,
                                      lathe_model** model);
LATHE_API void lathe_model_free(lathe_model* model);

LATHE_API int64_t lathe_vocab_size(const lathe_model* model);
LATHE_API int64_t lathe_hidden_size(const lathe_model* model);
LATHE_API int64_t lathe_layers(const lathe_model* model);
LATHE_API int64_t lathe_context(const lathe_model* model);

// Token ids of a text that the model is to continue, as generate(1) makes them. `*count` is how
// many there are; LATHE_LIMIT when that is more than `room`, and nothing is written then.
LATHE_API lathe_code lathe_encode(const lathe_model* model, const char* text, size_t bytes,
                                  int32_t* ids, size_t room, size_t* count);

typedef struct lathe_chat_message {
  const char* role;  // "system", "user" or "assistant", zero-terminated
  const char* text;
  size_t bytes;
} lathe_chat_message;

// The same of a conversation, to the point where the assistant answers. LATHE_UNSUPPORTED when the
// model has no chat template, LATHE_INVALID when that is none or refuses the conversation.
LATHE_API lathe_code lathe_encode_chat(const lathe_model* model, const lathe_chat_message* messages,
                                       size_t message_count, int32_t* ids, size_t room,
                                       size_t* count);

// The text of ids, without control tokens. `*bytes` is its length, as with lathe_encode(); no zero
// is added.
LATHE_API lathe_code lathe_decode(const lathe_model* model, const int32_t* ids, size_t count,
                                  char* text, size_t room, size_t* bytes);

// ---- sessions: threads, and the keys and values of one text

typedef struct lathe_session lathe_session;

typedef enum lathe_kv_type {
  LATHE_KV_F16 = 0,
  LATHE_KV_F32 = 1,
  LATHE_KV_INT8 = 2,
  LATHE_KV_INT4 = 3,
  LATHE_KV_K8V4 = 4  // keys in 8 bits, values in 4
} lathe_kv_type;

typedef struct lathe_session_options {
  int threads;            // 0: the cores that this process may use
  lathe_kv_type kv_type;  // of keys and values
  // Positions for the text, and for those of lathe_hidden_states(); 0: the model's context for
  // each.
  int64_t max_tokens;
} lathe_session_options;

LATHE_API lathe_code lathe_session_new(const lathe_model* model,
                                       const lathe_session_options* options,
                                       lathe_session** session);
LATHE_API void lathe_session_free(lathe_session* session);

// How a token is chosen: lathe/sampler.h explains each.
typedef struct lathe_sampling {
  double temperature;     // 0: the most probable token
  int64_t top_k;          // 0: off
  double top_p;           // 1: off
  double min_p;           // 0: off
  double repeat_penalty;  // 1: off
  int64_t repeat_last;    // -1: all
  uint64_t seed;
} lathe_sampling;

typedef struct lathe_generate_options {
  lathe_sampling sampling;
  int64_t max_tokens;       // -1: until the context is full
  const char* const* stop;  // texts that end the answer, zero-terminated
  size_t stop_count;
  int chat;        // not 0: ends where the assistant's turn does, by the model's template
  int ignore_eos;  // not 0: goes on where the model ends the text
  // Gets text as it becomes certain, whole characters only. Not 0 ends the answer. May be NULL.
  int (*on_text)(const char* text, size_t bytes, void* user);
  // Sees the logits before a token is chosen, and may change them (-INFINITY forbids a token);
  // `ids` are the prompt and the answer so far. May be NULL.
  void (*edit_logits)(float* logits, size_t count, const int32_t* ids, size_t id_count, void* user);
  void* user;  // for both
} lathe_generate_options;

// Greedy, 128 tokens, no callbacks: what NULL means.
LATHE_API lathe_generate_options lathe_generate_defaults(void);

// Why an answer ended.
typedef enum lathe_finish {
  LATHE_FINISH_STOP = 0,      // an end token or a stop text
  LATHE_FINISH_LENGTH = 1,    // max_tokens
  LATHE_FINISH_CONTEXT = 2,   // the context is full
  LATHE_FINISH_CANCELLED = 3  // on_text said so
} lathe_finish;

// An answer, in the session's memory until its next call.
typedef struct lathe_answer {
  const char* text;  // zero-terminated
  size_t bytes;
  const int32_t* ids;
  size_t id_count;
  lathe_finish finish;
  int64_t reused;  // tokens of the prompt that were not computed again
} lathe_answer;

// Answers a prompt. What it has in common with the session's last text, from the beginning on, is
// not computed again: a conversation gives its whole text each time.
LATHE_API lathe_code lathe_generate(lathe_session* session, const int32_t* prompt, size_t count,
                                    const lathe_generate_options* options, lathe_answer* answer);

// Reads a text in the same way, and gives the logits after it: lathe_vocab_size() floats, in the
// session's memory until its next call.
LATHE_API lathe_code lathe_read(lathe_session* session, const int32_t* ids, size_t count,
                                const float** logits);

// What the model holds of each token of a text behind `layer` layers (-1: all of them, normed):
// `count` rows of lathe_hidden_size() floats, in the session's memory until its next call. The
// session's own text stays as it is.
LATHE_API lathe_code lathe_hidden_states(lathe_session* session, const int32_t* ids, size_t count,
                                         int64_t layer, const float** rows);

// Writes the session's text and state to a file; `overwrite` not 0: also where there is one.
LATHE_API lathe_code lathe_session_save(const lathe_session* session, const char* path,
                                        int overwrite);
// Goes on from such a file, of the same model and kv_type. When it fails, the session is empty.
LATHE_API lathe_code lathe_session_load(lathe_session* session, const char* path);

// ---- a sampler, for who chooses tokens from lathe_read()'s logits

typedef struct lathe_sampler lathe_sampler;

LATHE_API lathe_code lathe_sampler_new(const lathe_sampling* sampling, lathe_sampler** sampler);
LATHE_API void lathe_sampler_free(lathe_sampler* sampler);
// `history`: the text so far, for the repeat penalty. LATHE_INVALID when no logit is a number.
LATHE_API lathe_code lathe_sampler_choose(lathe_sampler* sampler, const float* logits, size_t count,
                                          const int32_t* history, size_t history_count,
                                          int32_t* id);

#ifdef __cplusplus
}
#endif

#endif
