/* Preloaded into a tool by tests: read(2) and write(2) that behave as the manual allows.
 *
 *   FAULTY_IO=short   at most 7 bytes at a time, and EINTR on every third call
 *   FAULTY_IO=eio:N   EIO on the N-th call that has a file of FAULTY_NAME (a part of its path)
 *   FAULTY_CALL=read|write says which of the two
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fails(int fd, const char* call, size_t* count) {
  static __thread int calls = 0;
  static int matched = 0;
  const char* how = getenv("FAULTY_IO");
  const char* which = getenv("FAULTY_CALL");
  if (how == NULL || which == NULL || strcmp(which, call) != 0) return 0;
  if (strcmp(how, "short") == 0) {
    if (++calls % 3 == 0) {
      errno = EINTR;
      return 1;
    }
    if (*count > 7) *count = 7;
    return 0;
  }
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  const char* name = getenv("FAULTY_NAME");
  if (length < 0 || name == NULL) return 0;
  path[length] = '\0';
  if (strstr(path, name) == NULL || ++matched != atoi(how + 4)) return 0;
  errno = EIO;
  return 1;
}

ssize_t read(int fd, void* buffer, size_t count) {
  static ssize_t (*real)(int, void*, size_t);
  if (real == NULL) real = (ssize_t(*)(int, void*, size_t))dlsym(RTLD_NEXT, "read");
  return fails(fd, "read", &count) ? -1 : real(fd, buffer, count);
}

ssize_t write(int fd, const void* buffer, size_t count) {
  static ssize_t (*real)(int, const void*, size_t);
  if (real == NULL) real = (ssize_t(*)(int, const void*, size_t))dlsym(RTLD_NEXT, "write");
  return fails(fd, "write", &count) ? -1 : real(fd, buffer, count);
}
