// Continues a text, from C:
//
//   complete-c MODEL TEXT [STATE]
//
// With STATE, a file: what it holds of the text is not read again, and it is written at the end.
#include <lathe/c/lathe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int show(const char* text, size_t bytes, void* file) {
  return fwrite(text, 1, bytes, (FILE*)file) != bytes;  // not 0: stop
}

// The ids of a text, in memory that the caller frees.
static lathe_code encode(const lathe_model* model, const char* text, int32_t** ids, size_t* count) {
  const size_t bytes = strlen(text);
  lathe_code code = lathe_encode(model, text, bytes, NULL, 0, count);  // how many are there?
  if (code != LATHE_LIMIT) return code;
  *ids = malloc(*count * sizeof **ids);
  return lathe_encode(model, text, bytes, *ids, *ids ? *count : 0, count);
}

static lathe_code complete(lathe_model* model, lathe_session* session, const char* text,
                           const char* state) {
  int32_t* prompt = NULL;
  size_t count = 0;
  lathe_code code = encode(model, text, &prompt, &count);

  if (code == LATHE_OK && state && lathe_session_load(session, state) != LATHE_OK) {
    fprintf(stderr, "from the beginning: %s\n", lathe_message());
  }
  lathe_generate_options options = lathe_generate_defaults();
  options.max_tokens = 40;
  options.on_text = show;
  options.user = stdout;
  lathe_answer answer;
  if (code == LATHE_OK) code = lathe_generate(session, prompt, count, &options, &answer);
  if (code == LATHE_OK) {
    puts("");
    fprintf(stderr, "%zu tokens, %lld of them read before\n", count, (long long)answer.reused);
    if (state) code = lathe_session_save(session, state, 1);
  }
  free(prompt);
  return code;
}

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "complete-c MODEL TEXT [STATE]\n");
    return LATHE_USAGE;
  }
  lathe_model* model = NULL;
  lathe_session* session = NULL;
  lathe_code code = lathe_model_open(argv[1], NULL, &model);
  if (code == LATHE_OK) code = lathe_session_new(model, NULL, &session);
  if (code == LATHE_OK) code = complete(model, session, argv[2], argc > 3 ? argv[3] : NULL);
  if (code != LATHE_OK) fprintf(stderr, "complete-c: %s\n", lathe_message());
  lathe_session_free(session);
  lathe_model_free(model);
  return code;
}
