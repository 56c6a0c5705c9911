// Another program and all that it starts: a process group, with pipes to its first process.
//
// The group is ended with this object, and when a signal ends this process. Errors: kIo (cannot be
// started). Belongs to the thread that made it: the program dies with that thread.
#pragma once

#include <string>
#include <sys/resource.h>
#include <sys/types.h>
#include <vector>

namespace lathe::tool {

// One end of a pipe, closed with it.
class PipeEnd {
 public:
  PipeEnd() = default;
  explicit PipeEnd(int fd) : fd_(fd) {}
  ~PipeEnd() { close(); }
  PipeEnd(PipeEnd&& other) noexcept : fd_(other.release()) {}
  PipeEnd& operator=(PipeEnd&& other) noexcept;

  int fd() const noexcept { return fd_; }  // -1: closed
  int release() noexcept;
  void close() noexcept;

 private:
  int fd_ = -1;
};

class ChildGroup {
 public:
  struct Streams {
    bool input = false, output = true;  // a pipe; otherwise nothing, or nowhere
  };

  // `arguments` begins with the program's path.
  ChildGroup(const std::vector<std::string>& arguments, Streams streams);
  ~ChildGroup() { end(); }
  ChildGroup(const ChildGroup&) = delete;
  ChildGroup& operator=(const ChildGroup&) = delete;

  // Our ends of its pipes.
  PipeEnd input, output, errors;

  // True when the first process has ended.
  bool ended();
  // Ends all of the group, the first process asked politely before when it has so many seconds.
  // Then its status and what it took are known.
  void end(double grace = 0.0);
  int status() const { return status_; }
  const rusage& usage() const { return usage_; }

 private:
  pid_t leader_ = -1;
  bool ended_ = false, reaped_ = false;
  int status_ = 0;
  rusage usage_{};
};

}  // namespace lathe::tool
