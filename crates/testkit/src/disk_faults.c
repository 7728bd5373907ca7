/*
 * A disk that fails, fills up or forgets, between a program and the system (LD_PRELOAD; Linux).
 *
 * Of the files below DISK_FAULTS_ROOT it writes down, in DISK_FAULTS_LOG, whatever changes them and whatever makes
 * the changes durable, so that somebody can tell afterwards what a power cut would have left. DISK_FAULTS_CONTROL is
 * a file whose first byte says which calls fail; it is looked at before each of them.
 *
 * disk_faults.rs compiles this and reads the log. One lock around each call and its record keeps the two in the same
 * order. A record is written after its call: a process that is killed between the two leaves a change that nobody
 * was told to be durable.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The same numbers as in disk_faults.rs. */
enum { OPENED = 1, CREATED, WRITTEN, CUT, SYNCED, SYNC_FAILED, REMOVED, RENAMED, DIR_SYNCED, LINKED };
enum { FAULT_NONE, FAULT_FULL, FAULT_WRITE_ERROR, FAULT_SYNC_ERROR };

struct record { uint64_t op, file, offset, length; };

#define FILES_MAX 4096
static uint64_t tracked[FILES_MAX]; /* the file's number by descriptor; 0 is none of ours, DIRECTORY the root */
#define DIRECTORY UINT64_MAX
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static char root[4096];
static size_t root_length;
static int log_fd = -1;
static volatile unsigned char *control;
static const unsigned char no_control[1];

__attribute__((constructor)) static void begin(void) {
  const char *dir = getenv("DISK_FAULTS_ROOT"), *log = getenv("DISK_FAULTS_LOG"), *says = getenv("DISK_FAULTS_CONTROL");
  control = (volatile unsigned char *)no_control;
  if (!dir || !log || !says) return;
  int fd = (int)syscall(SYS_openat, AT_FDCWD, says, O_RDONLY | O_CLOEXEC, 0);
  void *map = fd < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
  log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (map == MAP_FAILED || log_fd < 0) {
    fprintf(stderr, "disk_faults: %s or %s cannot be opened\n", log, says);
    _exit(99);
  }
  control = map;
  root_length = strlen(dir);
  memcpy(root, dir, root_length + 1);
}

static void note(uint64_t op, uint64_t file, uint64_t offset, const void *data, uint64_t length) {
  struct record record = {op, file, offset, length};
  struct iovec parts[2] = {{&record, sizeof record}, {(void *)data, length}};
  /* A log that cannot be written would be a lie. */
  if (syscall(SYS_writev, log_fd, parts, 2) != (long)(sizeof record + length)) _exit(98);
}

/* The name below the root, with the root's own as ""; NULL for everything else, and for what no power cut leaves:
 * memory that processes share, and locks. */
static const char *name_of(const char *path) {
  static __thread char whole[8192];
  if (log_fd < 0 || !path) return NULL;
  if (path[0] != '/') {
    if (!getcwd(whole, 4096)) return NULL;
    size_t length = strlen(whole);
    while (path[0] == '.' && path[1] == '/') path += 2;
    if (length + strlen(path) + 2 > sizeof whole) return NULL;
    whole[length] = '/';
    strcpy(whole + length + 1, path);
    path = whole;
  }
  if (strncmp(path, root, root_length) != 0) return NULL;
  if (path[root_length] == 0) return "";
  if (path[root_length] != '/') return NULL;
  const char *name = path + root_length + 1;
  size_t length = strlen(name);
  if (length >= 4 && strcmp(name + length - 4, "-shm") == 0) return NULL;
  if (length >= 5 && strcmp(name + length - 5, ".lock") == 0) return NULL;
  return name;
}

static int fails(int fault, int error) {
  if (control[0] != fault) return 0;
  errno = error;
  return 1;
}

static uint64_t file_of(int fd) { return fd >= 0 && fd < FILES_MAX ? tracked[fd] : 0; }

static void opened(int fd, const char *name, int was_there, int flags) {
  struct stat status;
  if (fd >= FILES_MAX || fstat(fd, &status) != 0) return;
  if (S_ISDIR(status.st_mode)) {
    tracked[fd] = DIRECTORY;
    return;
  }
  tracked[fd] = status.st_ino;
  note(was_there ? OPENED : CREATED, status.st_ino, 0, name, strlen(name));
  if (was_there && (flags & O_TRUNC)) note(CUT, status.st_ino, 0, NULL, 0);
}

static int open_one(int dir, const char *path, int flags, mode_t mode) {
  const char *name = dir == AT_FDCWD || (path && path[0] == '/') ? name_of(path) : NULL;
  if (!name) return (int)syscall(SYS_openat, dir, path, flags, mode);
  pthread_mutex_lock(&turn);
  struct stat status;
  int was_there = stat(path, &status) == 0, fd = -1;
  if (was_there || !(flags & O_CREAT) || !fails(FAULT_FULL, ENOSPC)) fd = (int)syscall(SYS_openat, dir, path, flags, mode);
  int error = errno;
  if (fd >= 0) opened(fd, name, was_there, flags);
  pthread_mutex_unlock(&turn);
  errno = error;
  return fd;
}

#define MODE_OF(flags)                                   \
  mode_t mode = 0;                                       \
  if ((flags) & (O_CREAT | __O_TMPFILE)) {               \
    va_list rest;                                        \
    va_start(rest, flags);                               \
    mode = (mode_t)va_arg(rest, int);                    \
    va_end(rest);                                        \
  }

int open(const char *path, int flags, ...) { MODE_OF(flags) return open_one(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE_OF(flags) return open_one(AT_FDCWD, path, flags, mode); }
int openat(int dir, const char *path, int flags, ...) { MODE_OF(flags) return open_one(dir, path, flags, mode); }
int openat64(int dir, const char *path, int flags, ...) { MODE_OF(flags) return open_one(dir, path, flags, mode); }

int close(int fd) {
  uint64_t file = file_of(fd);
  if (!file) return (int)syscall(SYS_close, fd);
  pthread_mutex_lock(&turn);
  tracked[fd] = 0;
  int result = (int)syscall(SYS_close, fd), error = errno;
  pthread_mutex_unlock(&turn);
  errno = error;
  return result;
}

/* `at` is where, or -1 for where the descriptor stands. */
static ssize_t write_one(int fd, const void *data, size_t length, off_t at) {
  uint64_t file = file_of(fd);
  if (!file || file == DIRECTORY) {
    return at < 0 ? syscall(SYS_write, fd, data, length) : syscall(SYS_pwrite64, fd, data, length, at);
  }
  pthread_mutex_lock(&turn);
  ssize_t done = -1;
  off_t place = at < 0 ? (off_t)syscall(SYS_lseek, fd, 0, SEEK_CUR) : at;
  struct stat status;
  /* A full disk takes what needs no more room. */
  int grows = fstat(fd, &status) != 0 || place + (off_t)length > status.st_size;
  if (!(grows && fails(FAULT_FULL, ENOSPC)) && !fails(FAULT_WRITE_ERROR, EIO)) {
    done = at < 0 ? syscall(SYS_write, fd, data, length) : syscall(SYS_pwrite64, fd, data, length, at);
  }
  int error = errno;
  if (done > 0) note(WRITTEN, file, (uint64_t)place, data, (uint64_t)done);
  pthread_mutex_unlock(&turn);
  errno = error;
  return done;
}

ssize_t write(int fd, const void *data, size_t length) { return write_one(fd, data, length, -1); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { return write_one(fd, data, length, at); }
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) { return write_one(fd, data, length, at); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (!file_of(fd)) return syscall(SYS_writev, fd, parts, count);
  ssize_t all = 0;
  for (int part = 0; part < count; part++) {
    ssize_t done = write_one(fd, parts[part].iov_base, parts[part].iov_len, -1);
    if (done < 0) return all ? all : done;
    all += done;
    if ((size_t)done < parts[part].iov_len) break;
  }
  return all;
}

static int cut_one(int fd, off_t length) {
  uint64_t file = file_of(fd);
  if (!file) return (int)syscall(SYS_ftruncate, fd, length);
  pthread_mutex_lock(&turn);
  int result = fails(FAULT_WRITE_ERROR, EIO) ? -1 : (int)syscall(SYS_ftruncate, fd, length), error = errno;
  if (result == 0) note(CUT, file, (uint64_t)length, NULL, 0);
  pthread_mutex_unlock(&turn);
  errno = error;
  return result;
}

int ftruncate(int fd, off_t length) { return cut_one(fd, length); }
int ftruncate64(int fd, off64_t length) { return cut_one(fd, length); }

static int sync_one(int fd, long call) {
  uint64_t file = file_of(fd);
  if (!file) return (int)syscall(call, fd);
  pthread_mutex_lock(&turn);
  int result = fails(FAULT_SYNC_ERROR, EIO) ? -1 : (int)syscall(call, fd), error = errno;
  if (file == DIRECTORY) {
    if (result == 0) note(DIR_SYNCED, 0, 0, NULL, 0);
  } else {
    note(result == 0 ? SYNCED : SYNC_FAILED, file, 0, NULL, 0);
  }
  pthread_mutex_unlock(&turn);
  errno = error;
  return result;
}

int fsync(int fd) { return sync_one(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_one(fd, SYS_fdatasync); }

int unlink(const char *path) {
  const char *name = name_of(path);
  if (!name) return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
  pthread_mutex_lock(&turn);
  int result = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0), error = errno;
  if (result == 0) note(REMOVED, 0, 0, name, strlen(name));
  pthread_mutex_unlock(&turn);
  errno = error;
  return result;
}

/* From one name to another, which is there beside the first or in its place. */
static int name_again(uint64_t op, const char *from, const char *to, int flags) {
  static __thread char both[8192];
  const char *name = name_of(from);
  size_t length = name ? strlen(name) : 0;
  if (name) memcpy(both, name, length + 1);
  const char *target = name_of(to);
  pthread_mutex_lock(&turn);
  int result = op == LINKED ? (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, flags)
                            : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
  int error = errno;
  if (result == 0 && name && target) {
    /* `from` ends with a zero, `to` follows it. */
    memcpy(both + length + 1, target, strlen(target));
    note(op, 0, 0, both, length + 1 + strlen(target));
  }
  pthread_mutex_unlock(&turn);
  errno = error;
  return result;
}

int rename(const char *from, const char *to) { return name_again(RENAMED, from, to, 0); }
int link(const char *from, const char *to) { return name_again(LINKED, from, to, 0); }
int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags) {
  if (from_dir == AT_FDCWD && to_dir == AT_FDCWD) return name_again(LINKED, from, to, flags);
  return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}
