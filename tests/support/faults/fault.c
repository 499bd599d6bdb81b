// Loaded into a shell and all that it starts: does FAULT_KIND at the FAULT_AT-th call on what lies below FAULT_PATHS (with
// `:` between them), or to the FAULT_AT-th program. FAULT_COUNT is a file of three numbers: programs, calls, faults so far.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum what { LOOK, READ, WRITE, CHANGE, MAKE, DROP };
static struct { int programs, calls, faults; } *seen;
static const char *kind = "", *paths = "";
static int at, target, changed;

static int is(const char *name) { return !strcmp(kind, name); }
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void) {
  const char *file = getenv("FAULT_COUNT");
  int fd = file ? (int)syscall(SYS_openat, AT_FDCWD, file, O_RDWR) : -1;
  if (fd < 0) return;
  seen = mmap(0, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (seen == MAP_FAILED) _exit(99);
  kind = getenv("FAULT_KIND");
  paths = getenv("FAULT_PATHS");
  at = atoi(getenv("FAULT_AT"));
  // the shell itself is number 0
  if (__atomic_fetch_add(&seen->programs, 1, __ATOMIC_SEQ_CST) != at || at == 0) return;
  if (is("fails")) __atomic_fetch_add(&seen->faults, 1, __ATOMIC_SEQ_CST), _exit(1);
  if (is("dies")) __atomic_fetch_add(&seen->faults, 1, __ATOMIC_SEQ_CST), kill(0, SIGKILL);
  if (is("halfway")) __atomic_fetch_add(&seen->faults, 1, __ATOMIC_SEQ_CST), target = getpid();
}

// it did all that it had to do, and says that it failed
__attribute__((destructor)) static void end(void) {
  if (target == getpid()) _exit(1);
}

static int below(const char *path) {
  for (const char *one = paths; *one;) {
    size_t length = strcspn(one, ":");
    if (!strncmp(path, one, length) && (path[length] == '/' || !path[length])) return 1;
    one += length + (one[length] == ':');
  }
  return 0;
}
static int of_fd(int fd, char *into) {
  char link[40];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, into, PATH_MAX - 1);
  if (length < 0) return 0;
  into[length] = 0;
  return 1;
}
static int watched(int folder, const char *path) {
  char whole[2 * PATH_MAX];
  if (!seen || !path) return 0;
  if (*path == '/') return below(path);
  if (folder == AT_FDCWD ? !getcwd(whole, PATH_MAX) : !of_fd(folder, whole)) return 0;
  if (*path && strcmp(path, ".")) strcat(strcat(whole, "/"), path);
  return below(whole);
}
static int watched_fd(int fd) {
  char path[PATH_MAX];
  return seen && of_fd(fd, path) && below(path);
}

// an error number when this call is to fail; -1 when it is to do half of what it should and then fail with ENOSPC
static int fault(enum what what) {
  if (target == getpid()) { // a program that ends in the middle of its work
    if (what >= CHANGE && changed++) _exit(1);
    if (what == WRITE) return -1;
    return 0;
  }
  int now = __atomic_add_fetch(&seen->calls, 1, __ATOMIC_SEQ_CST), fails = 0, one = now == at;
  if (is("EIO")) fails = one ? EIO : 0;
  if (is("EIO from then on")) fails = now >= at ? EIO : 0;
  if (is("no space")) fails = now >= at && (what == WRITE || what == MAKE) ? (one && what == WRITE ? -1 : ENOSPC) : 0;
  if (is("no inode")) fails = now >= at && what == MAKE ? ENOSPC : 0;
  if (is("killed")) fails = one ? (what == WRITE ? -1 : EIO) : 0;
  if (!fails && !one) return 0;
  if (fails || is("no space") || is("no inode")) __atomic_fetch_add(&seen->faults, 1, __ATOMIC_SEQ_CST);
  if (fails && is("killed") && what != WRITE) kill(0, SIGKILL), pause();
  return fails;
}
static ssize_t half_done(ssize_t done) {
  (void)done;
  if (is("killed")) kill(0, SIGKILL), pause();
  if (target == getpid()) _exit(1);
  errno = ENOSPC;
  return -1;
}
#define FAIL(is_watched, what)                                                                                          \
  do {                                                                                                                 \
    int why = (is_watched) ? fault(what) : 0;                                                                          \
    if (why > 0) return errno = why, -1;                                                                               \
  } while (0)

// name, its parameters, its arguments, whether it is watched, what it does
#define WRAP(name, parameters, arguments, is_watched, what)                                                            \
  int fault_##name parameters __asm__(#name);                                                                          \
  int fault_##name parameters {                                                                                        \
    FAIL(is_watched, what);                                                                                            \
    return ((int(*) parameters)real(#name))arguments;                                                                  \
  }
#define BOTH(name, last, parameters, arguments, is_watched, what)                                                      \
  WRAP(name, parameters, arguments, is_watched, what) WRAP(name##last, parameters, arguments, is_watched, what)

BOTH(stat, 64, (const char *p, void *s), (p, s), watched(AT_FDCWD, p), LOOK)
BOTH(lstat, 64, (const char *p, void *s), (p, s), watched(AT_FDCWD, p), LOOK)
BOTH(fstatat, 64, (int d, const char *p, void *s, int f), (d, p, s, f), watched(d, p), LOOK)
WRAP(statx, (int d, const char *p, int f, unsigned m, void *s), (d, p, f, m, s), watched(d, p), LOOK)
WRAP(access, (const char *p, int m), (p, m), watched(AT_FDCWD, p), LOOK)
WRAP(eaccess, (const char *p, int m), (p, m), watched(AT_FDCWD, p), LOOK)
WRAP(faccessat, (int d, const char *p, int m, int f), (d, p, m, f), watched(d, p), LOOK)
WRAP(fsync, (int fd), (fd), watched_fd(fd), CHANGE)
WRAP(fdatasync, (int fd), (fd), watched_fd(fd), CHANGE)
WRAP(syncfs, (int fd), (fd), watched_fd(fd), CHANGE)
BOTH(ftruncate, 64, (int fd, long n), (fd, n), watched_fd(fd), CHANGE)
WRAP(chmod, (const char *p, unsigned m), (p, m), watched(AT_FDCWD, p), CHANGE)
WRAP(fchmod, (int fd, unsigned m), (fd, m), watched_fd(fd), CHANGE)
WRAP(fchmodat, (int d, const char *p, unsigned m, int f), (d, p, m, f), watched(d, p), CHANGE)
WRAP(fchown, (int fd, unsigned u, unsigned g), (fd, u, g), watched_fd(fd), CHANGE)
WRAP(fchownat, (int d, const char *p, unsigned u, unsigned g, int f), (d, p, u, g, f), watched(d, p), CHANGE)
WRAP(utimensat, (int d, const char *p, const void *t, int f), (d, p, t, f), watched(d, p), CHANGE)
WRAP(mkdir, (const char *p, unsigned m), (p, m), watched(AT_FDCWD, p), MAKE)
WRAP(mkdirat, (int d, const char *p, unsigned m), (d, p, m), watched(d, p), MAKE)
WRAP(symlink, (const char *to, const char *p), (to, p), watched(AT_FDCWD, p), MAKE)
WRAP(symlinkat, (const char *to, int d, const char *p), (to, d, p), watched(d, p), MAKE)
WRAP(linkat, (int d, const char *p, int e, const char *q, int f), (d, p, e, q, f), watched(e, q), MAKE)
WRAP(rename, (const char *p, const char *q), (p, q), watched(AT_FDCWD, q), CHANGE)
WRAP(renameat, (int d, const char *p, int e, const char *q), (d, p, e, q), watched(e, q), CHANGE)
WRAP(renameat2, (int d, const char *p, int e, const char *q, unsigned f), (d, p, e, q, f), watched(e, q), CHANGE)
WRAP(unlink, (const char *p), (p), watched(AT_FDCWD, p), DROP)
WRAP(unlinkat, (int d, const char *p, int f), (d, p, f), watched(d, p), DROP)
WRAP(rmdir, (const char *p), (p), watched(AT_FDCWD, p), DROP)

static enum what opening(int d, const char *p, int flags) {
  struct stat there;
  if (flags & O_CREAT && syscall(SYS_newfstatat, d, p, &there, 0)) return MAKE;
  return flags & (O_WRONLY | O_RDWR) ? CHANGE : LOOK;
}
#define MODE(flags)                                                                                                    \
  va_list more;                                                                                                        \
  va_start(more, flags);                                                                                               \
  unsigned mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, unsigned) : 0;                                        \
  va_end(more)
#define OPEN(name)                                                                                                     \
  int name(const char *p, int flags, ...) {                                                                            \
    MODE(flags);                                                                                                       \
    FAIL(watched(AT_FDCWD, p), opening(AT_FDCWD, p, flags));                                                           \
    return ((int (*)(const char *, int, ...))real(#name))(p, flags, mode);                                             \
  }
#define OPENAT(name)                                                                                                   \
  int name(int d, const char *p, int flags, ...) {                                                                     \
    MODE(flags);                                                                                                       \
    FAIL(watched(d, p), opening(d, p, flags));                                                                         \
    return ((int (*)(int, const char *, int, ...))real(#name))(d, p, flags, mode);                                     \
  }
OPEN(open) OPEN(open64) OPENAT(openat) OPENAT(openat64)

DIR *opendir(const char *p) {
  int why = watched(AT_FDCWD, p) ? fault(LOOK) : 0;
  if (why > 0) return errno = why, NULL;
  return ((DIR * (*)(const char *)) real("opendir"))(p);
}
ssize_t read(int fd, void *b, size_t n) {
  FAIL(watched_fd(fd), READ);
  return ((ssize_t(*)(int, void *, size_t))real("read"))(fd, b, n);
}
ssize_t write(int fd, const void *b, size_t n) {
  ssize_t (*next)(int, const void *, size_t) = real("write");
  int why = watched_fd(fd) ? fault(WRITE) : 0;
  if (why > 0) return errno = why, -1;
  return why < 0 ? half_done(next(fd, b, n / 2)) : next(fd, b, n);
}
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t n, unsigned f) {
  ssize_t (*next)(int, off64_t *, int, off64_t *, size_t, unsigned) = real("copy_file_range");
  struct stat there;
  int why = watched_fd(out) ? fault(WRITE) : 0;
  if (why > 0) return errno = why, -1;
  return why < 0 ? half_done(fstat(in, &there) ? 0 : next(in, from, out, to, there.st_size / 2, f)) : next(in, from, out, to, n, f);
}
