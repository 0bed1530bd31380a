#include "machine/slurm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { ANSWER_BYTES = 64 };

bool lm_slurm_time(const char *text, double *seconds) {
    struct tm t = {.tm_isdst = -1};
    char after;
    int n = sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%c", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour,
                   &t.tm_min, &t.tm_sec, &after);
    if (n < 6 || (n == 7 && after != '\n' && after != ' ')) return false;
    if (t.tm_year < 1970 || t.tm_mon < 1 || t.tm_mon > 12) return false;
    t.tm_year -= 1900;
    t.tm_mon--;
    time_t at = mktime(&t);
    *seconds = (double)at;
    return at > 0;
}

/* Starts `squeue -h -j job -o %e` with its output in *out. Returns its process, or -1. */
static pid_t start(const char *job, int *out) {
    char *arguments[] = {"squeue", "-h", "-j", (char *)job, "-o", "%e", NULL};
    char *shell[] = {"SLURM_TIME_FORMAT=standard", NULL};
    posix_spawn_file_actions_t files;
    size_t n = 0;
    int ends[2], failed = -1;
    pid_t pid = -1;
    while (environ[n]) n++;
    char **with = calloc(n + 2, sizeof *with); /* the first of two variables of a name counts */
    if (!with) return -1;
    with[0] = shell[0];
    memcpy(with + 1, environ, n * sizeof *with);
    if (pipe2(ends, O_CLOEXEC) != 0) goto out;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    failed = posix_spawnp(&pid, arguments[0], &files, NULL, arguments, with);
    posix_spawn_file_actions_destroy(&files);
    close(ends[1]);
    *out = ends[0];
    if (failed) close(ends[0]);
out:
    free(with);
    return failed ? -1 : pid;
}

/* Reads until the end of the output, or for so many seconds; false: these passed. */
static bool read_answer(int fd, double patience, char answer[ANSWER_BYTES]) {
    const double until = lm_clock_seconds() + patience;
    size_t length = 0;
    char rest[256];
    answer[0] = '\0';
    for (;;) {
        double left = until - lm_clock_seconds();
        struct pollfd in = {.fd = fd, .events = POLLIN};
        if (left <= 0 || poll(&in, 1, (int)(1000 * left) + 1) == 0) return false;
        size_t room = ANSWER_BYTES - 1 - length;
        ssize_t n = read(fd, room > 0 ? answer + length : rest, room > 0 ? room : sizeof rest);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return true;
        if (room > 0) length += (size_t)n;
        answer[length] = '\0';
    }
}

/* Asks; *why is left alone when there is an answer. */
static double ask(const char *job, double patience, char *why, size_t size) {
    char answer[ANSWER_BYTES];
    double seconds;
    int fd, state = 0;
    pid_t pid = start(job, &fd);
    if (pid < 0) {
        snprintf(why, size, "squeue cannot be started");
        return 0;
    }
    bool whole = read_answer(fd, patience, answer);
    close(fd);
    if (!whole) kill(pid, SIGKILL);
    while (waitpid(pid, &state, 0) < 0 && errno == EINTR) continue;
    if (!whole) {
        snprintf(why, size, "squeue gave no answer in %g s", patience);
    } else if (state != 0) {
        snprintf(why, size, "squeue failed");
    } else if (lm_slurm_time(answer, &seconds)) {
        return seconds;
    } else {
        answer[strcspn(answer, "\n")] = '\0';
        snprintf(why, size, "squeue says \"%s\"", answer);
    }
    return 0;
}

double lm_slurm_end(double patience, char *why, size_t size) {
    const char *given = getenv("SLURM_JOB_END_TIME"), *job = getenv("SLURM_JOB_ID");
    char text[32];
    why[0] = '\0';
    if (given) {
        double at = strtod(given, NULL);
        return at > 0 ? at : 0;
    }
    if (!job || !*job || strspn(job, "0123456789") != strlen(job)) return 0;
    double seconds = ask(job, patience, why, size);
    snprintf(text, sizeof text, "%.0f", seconds);
    setenv("SLURM_JOB_END_TIME", text, 1);
    return seconds;
}
