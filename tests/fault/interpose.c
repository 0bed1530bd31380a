/* A library for LD_PRELOAD that makes the k-th call of one function fail, or kills the process
 * there.
 *
 *     FAULT=pwrite:7 FAULT_MARK=file LD_PRELOAD=./interpose.so lmtrain ...
 *
 * FAULT is a function's name and k, counted over all threads: "pwrite:7" fails the 7th call, after
 * it wrote half of what it should as a full disk does; "pwrite:7+" fails the later ones too;
 * "pwrite:7!" is SIGKILL in its place, "pwrite:7^" SIGINT in front of it, and "fsync:7~" makes it
 * three seconds late. The file FAULT_MARK is
 * made when the call was reached: a run without it has seen every call succeed. A run that waits
 * for room on a disk does not sleep here, and where writing fails for ever it receives SIGTERM
 * instead.
 *
 * SLOW is a number of milliseconds that each pread of 200 bytes or more takes longer.
 *
 * LACKS is a list of what the machine does not have: "flock=38" locks (they fail with that errno),
 * "sizes" filesystems that report their sizes, "proc" /proc, "memory" room for large arrays,
 * "parts" writes of parts of a page: only fsync writes, whole pages as they were when this process
 * wrote there. Linux and glibc only. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

static char wanted[32], mode; /* mode: 0, '+', '!', '^' or '~' */
static long at;
static atomic_long calls;

__attribute__((constructor)) static void set_up(void) {
    const char *fault = getenv("FAULT"), *colon = fault ? strchr(fault, ':') : NULL;
    if (!colon || (size_t)(colon - fault) >= sizeof wanted) return;
    char *end;
    at = strtol(colon + 1, &end, 10);
    mode = *end;
    memcpy(wanted, fault, (size_t)(colon - fault));
}

#define NEXT(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

/* Is this call to fail? */
static bool fails(const char *name) {
    if (!*wanted || strcmp(name, wanted) != 0) return false;
    long k = atomic_fetch_add(&calls, 1) + 1;
    if (k < at || (k > at && mode != '+')) return false;
    const char *mark = getenv("FAULT_MARK");
    if (mark && k == at) close((int)syscall(SYS_openat, AT_FDCWD, mark, O_CREAT | O_WRONLY, 0666));
    if (mode == '^') syscall(SYS_kill, (pid_t)syscall(SYS_getpid), SIGINT);
    if (mode == '~') NEXT(nanosleep)(&(struct timespec){.tv_sec = 3}, NULL);
    if (mode == '^' || mode == '~') return false;
    if (mode == '!') syscall(SYS_kill, (pid_t)syscall(SYS_getpid), SIGKILL);
    return true;
}

#define FAIL(reason, result) \
    do {                     \
        errno = (reason);    \
        return (result);     \
    } while (0)

/* What LACKS says behind a name; NULL: it does not name it. */
static const char *lacks(const char *name) {
    const char *list = getenv("LACKS"), *at = list ? strstr(list, name) : NULL;
    return at ? at + strlen(name) : NULL;
}
int flock(int fd, int operation) {
    const char *reason = lacks("flock=");
    if (reason) FAIL(atoi(reason), -1);
    return (int)syscall(SYS_flock, fd, operation);
}
int statvfs(const char *path, struct statvfs *info) {
    int result = NEXT(statvfs)(path, info);
    if (result == 0 && lacks("sizes")) info->f_blocks = info->f_bfree = info->f_bavail = 0;
    return result;
}
FILE *fopen(const char *path, const char *how) {
    if (lacks("proc") && strncmp(path, "/proc/", 6) == 0) FAIL(ENOENT, NULL);
    return NEXT(fopen)(path, how);
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t permissions = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (fails("open")) FAIL(flags & O_CREAT ? ENOSPC : EMFILE, -1);
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, permissions);
}
ssize_t write(int fd, const void *data, size_t size) {
    if (!fails("write")) return syscall(SYS_write, fd, data, size);
    syscall(SYS_write, fd, data, size / 2);
    if (size >= 2) return (ssize_t)(size / 2);
    FAIL(ENOSPC, -1);
}
/* Pages that this process wrote to. */
static struct page {
    int fd;
    off_t offset;
    size_t size;
    char data[16384];
} pages[64];
static int n_pages;

static void keep_pages(int fd, const void *data, size_t size, off_t offset) {
    struct page *p = &pages[n_pages];
    char name[32];
    size_t before = (size_t)offset % 4096, end = (before + size + 4095) / 4096 * 4096;
    if (n_pages == sizeof pages / sizeof *pages || end > sizeof p->data) abort();
    n_pages++;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    int from = (int)syscall(SYS_openat, AT_FDCWD, name, O_RDONLY, 0);
    p->fd = fd;
    p->offset = offset - (off_t)before;
    ssize_t had = syscall(SYS_pread64, from, p->data, end, p->offset);
    close(from);
    p->size = had > (ssize_t)(before + size) ? (size_t)had : before + size;
    for (struct page *q = pages; q < p; q++) /* what was written there before */
        for (size_t i = 0; q->fd == fd && i < q->size; i++)
            if (q->offset + (off_t)i >= p->offset &&
                q->offset + (off_t)i < p->offset + (off_t)p->size)
                p->data[q->offset + (off_t)i - p->offset] = q->data[i];
    memcpy(p->data + before, data, size);
}
static void write_pages(int fd) {
    for (struct page *p = pages; p < pages + n_pages; p++) {
        if (p->fd == fd) syscall(SYS_pwrite64, fd, p->data, p->size, p->offset);
        if (p->fd == fd) p->fd = -1;
    }
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    if (lacks("parts")) keep_pages(fd, data, size, offset);
    if (lacks("parts")) return (ssize_t)size;
    if (!fails("pwrite")) return syscall(SYS_pwrite64, fd, data, size, offset);
    syscall(SYS_pwrite64, fd, data, size / 2, offset);
    FAIL(ENOSPC, -1);
}
ssize_t pread(int fd, void *data, size_t size, off_t offset) {
    static long slow = -1;
    if (fails("pread")) FAIL(EIO, -1);
    if (slow < 0) slow = getenv("SLOW") ? strtol(getenv("SLOW"), NULL, 10) : 0;
    if (slow > 0 && size >= 200)
        NEXT(nanosleep)(&(struct timespec){.tv_nsec = slow * 1000000}, NULL);
    return syscall(SYS_pread64, fd, data, size, offset);
}
int fsync(int fd) {
    if (fails("fsync")) FAIL(EIO, -1);
    if (lacks("parts")) write_pages(fd);
    return (int)syscall(SYS_fsync, fd);
}
int fdatasync(int fd) {
    if (fails("fdatasync")) FAIL(EIO, -1);
    return (int)syscall(SYS_fdatasync, fd);
}
int rename(const char *from, const char *to) {
    if (fails("rename")) FAIL(ENOSPC, -1);
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}
int unlink(const char *path) {
    if (fails("unlink")) FAIL(EIO, -1);
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
int mkdir(const char *path, mode_t permissions) {
    if (fails("mkdir")) FAIL(ENOSPC, -1);
    return (int)syscall(SYS_mkdirat, AT_FDCWD, path, permissions);
}
int ftruncate(int fd, off_t size) {
    if (fails("ftruncate")) FAIL(EIO, -1);
    return (int)syscall(SYS_ftruncate, fd, size);
}
DIR *opendir(const char *path) {
    if (fails("opendir")) FAIL(EMFILE, NULL);
    return NEXT(opendir)(path);
}
void *mmap(void *where, size_t size, int protection, int flags, int fd, off_t offset) {
    if (fails("mmap")) FAIL(ENOMEM, MAP_FAILED);
    if ((flags & MAP_ANONYMOUS) && size >= 65536 && lacks("memory")) FAIL(ENOMEM, MAP_FAILED);
    return (void *)syscall(SYS_mmap, where, size, protection, flags, fd, offset);
}
int nanosleep(const struct timespec *time, struct timespec *rest) {
    if (!*wanted || mode == '~') return NEXT(nanosleep)(time, rest);
    if (mode == '+') raise(SIGTERM);
    return 0;
}
void *malloc(size_t size) {
    if (fails("malloc")) FAIL(ENOMEM, NULL);
    return __libc_malloc(size);
}
void *calloc(size_t n, size_t size) {
    if (fails("calloc")) FAIL(ENOMEM, NULL);
    return __libc_calloc(n, size);
}
void *realloc(void *p, size_t size) {
    if (fails("realloc")) FAIL(ENOMEM, NULL);
    return __libc_realloc(p, size);
}
