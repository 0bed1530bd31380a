#include "machine/stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "machine/slurm.h"

#define PATIENCE     5   /* seconds that squeue may take */
#define SAME_REQUEST 0.1 /* seconds within which a second signal is the same request */

static volatile sig_atomic_t pending, save_asked;
static struct timespec first; /* when pending was set */
static struct sigaction before_int, before_term, before_hup, before_usr1, before_usr2, before_xcpu;
static bool listening, armed, at_terminal;
static char answer[128], answer_int[128]; /* what is said of the first signal, of a first SIGINT */
static char wall_problem[128];            /* why that is not known; "": it is, or there is none */
static double wall;     /* Unix time at which the loop should have stopped; 0: none */
static double expected; /* seconds until the loop asks again, at most */

static double seconds_of(clockid_t clock, struct timespec *at) {
    clock_gettime(clock, at);
    return (double)at->tv_sec + 1e-9 * (double)at->tv_nsec;
}

/* Handlers may call write, not printf. On a terminal a line of progress may stand there unfinished:
 * the text begins a line of its own. */
static void say(const char *text) {
    char line[1 + sizeof answer] = "\n";
    size_t n = at_terminal ? 1 : 0, length = strlen(text);
    int before = errno;
    if (length == 0) return;
    memcpy(line + n, text, length);
    /* A pipe that nobody empties would hold this thread, and the checkpoint with it. */
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&out, 1, 0) != 1) {
        errno = before;
        return;
    }
    ssize_t ignored = write(STDERR_FILENO, line, n + length);
    (void)ignored;
    errno = before;
}

static void on_stop(int number) {
    struct timespec now;
    if (!pending) {
        seconds_of(CLOCK_MONOTONIC, &first);
        pending = number;
        say(number == SIGINT ? answer_int : answer);
        return;
    }
    /* The kernel and the shell may both tell that the terminal is gone; limits and schedulers say
     * it again each second. */
    if (number != SIGINT && number != SIGTERM) return;
    double since = seconds_of(CLOCK_MONOTONIC, &now) - (double)first.tv_sec;
    if (since - 1e-9 * (double)first.tv_nsec < SAME_REQUEST) return;
    say("lmtrain: second signal: stopped at once\n");
    _exit(128 + number);
}

static void on_save(int number) {
    (void)number;
    save_asked = 1;
}

static void handle(int number, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    /* Handlers run one at a time: they share variables. */
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    sigaddset(&action.sa_mask, SIGHUP);
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaddset(&action.sa_mask, SIGXCPU);
    sigaction(number, &action, NULL);
}

void lm_stop_listen(void) {
    save_asked = 0;
    if (!listening) sigaction(SIGUSR1, NULL, &before_usr1);
    handle(SIGUSR1, on_save);
    listening = true;
}

/* Remembers the handlers that were there, unless they are our own from an earlier call. */
static void remember(void) {
    if (armed) return;
    sigaction(SIGINT, NULL, &before_int);
    sigaction(SIGTERM, NULL, &before_term);
    sigaction(SIGHUP, NULL, &before_hup);
    sigaction(SIGUSR2, NULL, &before_usr2);
    sigaction(SIGXCPU, NULL, &before_xcpu);
}

void lm_stop_arm(int64_t before_wall, const char *finishing) {
    wall_problem[0] = '\0';
    double at = before_wall > 0 ? lm_slurm_end(PATIENCE, wall_problem, sizeof wall_problem) : 0;
    wall = before_wall > 0 && at > 0 ? at - (double)before_wall : 0;
    expected = 0;
    pending = 0;
    at_terminal = isatty(STDERR_FILENO) == 1;
    answer[0] = answer_int[0] = '\0';
    if (finishing)
        snprintf(answer, sizeof answer, "lmtrain: %.70s; a second signal stops at once\n",
                 finishing);
    if (finishing)
        snprintf(answer_int, sizeof answer_int, "lmtrain: %.70s; Ctrl-C again stops at once\n",
                 finishing);
    remember();
    handle(SIGINT, on_stop);
    handle(SIGTERM, on_stop);
    handle(SIGUSR2, on_stop);
    handle(SIGXCPU, on_stop);
    /* nohup ignores SIGHUP, so that the run outlives its terminal. */
    if (before_hup.sa_handler != SIG_IGN) handle(SIGHUP, on_stop);
    armed = true;
}

const char *lm_stop_wall_problem(void) {
    return wall_problem;
}

void lm_stop_restore(void) {
    if (pending) return;
    if (armed) {
        sigaction(SIGHUP, &before_hup, NULL);
        sigaction(SIGINT, &before_int, NULL);
        sigaction(SIGTERM, &before_term, NULL);
        sigaction(SIGUSR2, &before_usr2, NULL);
        sigaction(SIGXCPU, &before_xcpu, NULL);
    }
    if (listening) sigaction(SIGUSR1, &before_usr1, NULL);
    armed = listening = false;
}

int lm_stop_pending(void) {
    struct timespec now;
    if (pending) return pending;
    if (wall > 0 && seconds_of(CLOCK_REALTIME, &now) + expected >= wall) return LM_STOP_WALL;
    return 0;
}

void lm_stop_expect(double seconds) {
    expected = seconds;
}

bool lm_stop_save_asked(void) {
    bool asked = save_asked != 0;
    save_asked = 0;
    return asked;
}
